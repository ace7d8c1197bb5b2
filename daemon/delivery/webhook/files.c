/* SPDX-License-Identifier: MIT */

/*
 * The files of a url hook are read when the configuration is loaded, so that a problem refuses a start or a
 * reload and is not first seen when a job ends. --check reads them in the same way.
 */

#include "delivery/webhook/files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/value_checks.h"
#include "delivery/webhook/signature.h"
#include "http/authorities.h"
#include "platform/credential.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/text.h"

/*
 * ---- header_file: header lines that a user adds to the requests, which may contain secrets. Each is one
 * header of the request and replaces none of ours ----
 */

/* Set by the daemon or by libcurl. Those ending in "-" are prefixes. */
static const char *const reserved[] = {
        "Accept-Encoding", "Connection", "Content-", "Expect",    "Host",    "Keep-Alive",
        "Proxy-",          "TE",         "Trailer",  "Transfer-", "Upgrade", "webhook-",
};

#define RESERVED_COUNT (sizeof(reserved) / sizeof(reserved[0]))

static const char *find_reserved(const char *name, size_t size)
{
        for (size_t i = 0; i < RESERVED_COUNT; i++) {
                size_t length = strlen(reserved[i]);
                bool prefix = reserved[i][length - 1] == '-';

                if ((prefix ? size >= length : size == length) && strncasecmp(name, reserved[i], length) == 0)
                        return reserved[i];
        }
        return NULL;
}

static bool is_ascii(const char *value)
{
        for (; *value != '\0'; value++)
                if ((*value < ' ' && *value != '\t') || *value > '~')
                        return false;
        return true;
}

/* Removes blanks at the end, and returns the text behind those at the beginning. */
static char *trim(char *text)
{
        for (size_t size = strlen(text); size > 0 && strchr(" \t", text[size - 1]) != NULL;)
                text[--size] = '\0';
        return text + strspn(text, " \t");
}

static char *refuse(unsigned number, const char *problem)
{
        return format_message("is invalid at line %u: %s", number, problem);
}

/* Returns the problem with the line, which is changed, or NULL. */
static char *parse_line(char *line, unsigned number, char **ret_line)
{
        static const char token[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~";
        size_t name = strspn(line, token);

        if (name == 0 || line[name] != ':')
                return refuse(number, "write \"Name: value\"");
        const char *taken = find_reserved(line, name), *value = trim(line + name + 1);
        if (taken != NULL)
                return format_message("is invalid at line %u: jobwatchd sets %s%s itself; remove the line",
                                      number, taken, taken[strlen(taken) - 1] == '-' ? "*" : "");
        if (*value == '\0')
                return refuse(number, "the value is missing; write \"Name: value\"");
        if (!is_ascii(value))
                return refuse(number, "the value contains a character that is not ASCII");
        *ret_line = format_message("%.*s: %s", (int)name, line, value);
        return NULL;
}

/* Wipes the lines. Accepts NULL, returns NULL. */
static char **header_lines_free(char **lines)
{
        for (size_t i = 0; lines != NULL && lines[i] != NULL; i++)
                secret_free(lines[i]);
        free(lines);
        return NULL;
}

DEFINE_CLEANUP(char *, header_lines_free)

/* ---- secrets: each function uses one, and returns what is wrong with its file; NULL: nothing ---- */

/*
 * Splits a text of lines "Name: value" (CREDENTIAL_LINES). Empty lines are ignored. Refused are invalid
 * names, values that are empty or not ASCII, and headers that belong to the daemon or to HTTP, such as Host,
 * Content-Length and the webhook-* of signatures. The lines, ending with NULL, are each exactly "Name:
 * value". The problem contains nothing of the line.
 */
static char *take_header_lines(char *text, struct webhook_files *files)
{
        CLEANUP(cleanup_header_lines_free)
        char **lines =
                memory_need(calloc(strlen(text) / 2 + 2, sizeof(*lines))); /* each has two bytes or more */
        size_t count = 0;

        for (unsigned number = 1; text != NULL; number++) {
                char *line = strsep(&text, "\n"), *problem = NULL;

                if (line[strspn(line, " \t")] != '\0')
                        problem = parse_line(line, number, &lines[count++]);
                if (problem != NULL)
                        return problem;
        }
        files->header_lines = STEAL_POINTER(lines);
        return NULL;
}

static char *take_url(char *text, struct webhook_files *files)
{
        const char *problem = check_hook_url(text);

        if (problem != NULL)
                return format_message("has an invalid URL; %s", problem);
        files->url = memory_need(strdup(text));
        files->url_is_secret = true;
        return NULL;
}

static char *take_key(char *text, struct webhook_files *files)
{
        const char *problem = webhook_key_new(text, &files->key);

        return problem != NULL ? format_message("%s", problem) : NULL;
}

/* ---- files ---- */

/* `message` is freed. */
static int fail(const struct webhook_files_call *call, const char *where, const char *source, char *message)
{
        call->on_problem(call->userdata, where, source, false, message);
        free(message);
        return -EINVAL;
}

struct secret {
        const char *where; /* of its key */
        struct credential credential;
        char *(*take)(char *text, struct webhook_files *files); /* may change the text */
};

/* Returns 0, also if there is no such secret or it is left out; or -EINVAL, which was reported. */
static int read_secret(const struct webhook_files_call *call, const struct secret *secret,
                       struct webhook_files *files)
{
        const struct credential *credential = &secret->credential;
        const char *source = credential->source;
        char *text = NULL, *message = NULL;

        if (source == NULL || *source == '\0')
                return 0;
        if (call->leaves_out != NULL && call->leaves_out(call->userdata, source))
                return 0;
        if (credential_read(credential, &text, &message) < 0)
                return fail(call, secret->where, source, message);
        if (message != NULL)
                call->on_problem(call->userdata, secret->where, source, true, message);
        free(message);

        size_t size = strlen(text);
        CLEANUP(cleanup_free) char *problem = secret->take(text, files);
        explicit_bzero(text, size); /* even if it is in pieces now */
        free(text);
        if (problem == NULL)
                return 0;
        CLEANUP(cleanup_free) char *file = credential_file(source, credential->config_path);
        return fail(call, secret->where, source,
                    format_message("%s = %s: %s %s", credential->key, source, file, problem));
}

static int read_authorities(const struct webhook_files_call *call, struct webhook_files *files)
{
        const struct hook_config *hook = call->hook;
        bool own = *hook->ca_file != '\0';
        const char *path = own ? hook->ca_file : call->config->api.ca_file;
        CLEANUP(cleanup_free) char *reason = NULL;

        if (*path == '\0')
                return 0;
        int r = http_authorities_read(path, !own, &reason, &files->authorities);
        if (r >= 0)
                return 0;
        if (!own)
                return -EINVAL;
        return fail(call, hook->where_ca_file, path, format_message("ca_file = %s: %s", path, reason));
}

int webhook_files_read(const struct webhook_files_call *call, struct webhook_files *ret_files)
{
        const struct hook_config *hook = call->hook;
        const char *path = call->config->path;
        const struct secret secrets[] = {
                { hook->where, { "url_file", hook->url_file, path, CREDENTIAL_WORD }, take_url },
                { hook->where_secret_file,
                  { "secret_file", hook->secret_file, path, CREDENTIAL_WORD },
                  take_key },
                { hook->where_header_file,
                  { "header_file", hook->header_file, path, CREDENTIAL_LINES },
                  take_header_lines },
        };
        CLEANUP(webhook_files_clear) struct webhook_files files = { .url = NULL };
        bool failed = false;

        if (hook->url_file == NULL)
                files.url = memory_need(strdup(hook->target));
        for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
                failed |= read_secret(call, &secrets[i], &files) < 0;
        failed |= read_authorities(call, &files) < 0;
        if (failed)
                return -EINVAL;

        *ret_files = files;
        files = (struct webhook_files){ .url = NULL };
        return 0;
}

void webhook_files_clear(struct webhook_files *files)
{
        secret_free(files->url);
        webhook_key_free(files->key);
        header_lines_free(files->header_lines);
        http_authorities_free(files->authorities);
        *files = (struct webhook_files){ .url = NULL };
}

/* ---- what must not be logged ---- */

/* The size of what counts as repeated. */
#define REPEATED_BYTES 4

static bool repeats(const char *secret, const char *text, size_t size)
{
        size_t length = strlen(secret), part = length < REPEATED_BYTES ? length : REPEATED_BYTES;

        if (length == 0)
                return false;
        for (size_t at = 0; at + part <= size; at++)
                for (size_t from = 0; from + part <= length; from++)
                        if (strncasecmp(text + at, secret + from, part) == 0)
                                return true;
        return false;
}

/* What follows the host, without the slash. */
static const char *behind_host(const char *url)
{
        const char *authority = strstr(url, "://") + 3;
        const char *end = authority + strcspn(authority, "/?");

        return *end == '\0' ? end : end + 1;
}

bool webhook_files_are_repeated(const struct webhook_files *files, const char *text, size_t size)
{
        if (files->url_is_secret && repeats(behind_host(files->url), text, size))
                return true;
        for (char **line = files->header_lines; line != NULL && *line != NULL; line++)
                if (repeats(strchr(*line, ':') + 2, text, size))
                        return true;
        return false;
}
