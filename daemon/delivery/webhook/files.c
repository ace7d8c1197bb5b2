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

static size_t name_size(const char *line, size_t size)
{
        static const char token[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~";
        size_t length = strspn(line, token);

        return length < size && line[length] == ':' ? length : 0;
}

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

static bool is_ascii(const char *value, size_t size)
{
        for (size_t i = 0; i < size; i++)
                if ((value[i] < ' ' && value[i] != '\t') || value[i] > '~')
                        return false;
        return true;
}

static void trim(const char **text, size_t *size)
{
        while (*size > 0 && strchr(" \t", (*text)[*size - 1]) != NULL)
                (*size)--;
        while (*size > 0 && strchr(" \t", **text) != NULL) {
                (*text)++;
                (*size)--;
        }
}

static int refuse(char **ret_problem, unsigned number, const char *problem)
{
        return fail_with_message(-EINVAL, ret_problem, "is invalid at line %u: %s", number, problem);
}

static int parse_line(const char *line, size_t size, unsigned number, char **ret_problem, char **ret_line)
{
        size_t name = name_size(line, size), value_size = size - name - 1;
        const char *value = line + name + 1, *taken;

        if (name == 0)
                return refuse(ret_problem, number, "write \"Name: value\"");
        taken = find_reserved(line, name);
        if (taken != NULL)
                return fail_with_message(-EINVAL, ret_problem,
                                         "is invalid at line %u: jobwatchd sets %s%s itself; remove the line",
                                         number, taken, taken[strlen(taken) - 1] == '-' ? "*" : "");
        trim(&value, &value_size);
        if (value_size == 0)
                return refuse(ret_problem, number, "the value is missing; write \"Name: value\"");
        if (!is_ascii(value, value_size))
                return refuse(ret_problem, number, "the value contains a character that is not ASCII");
        *ret_line = format_message("%.*s: %.*s", (int)name, line, (int)value_size, value);
        return 0;
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

/*
 * Splits a text of lines "Name: value" (CREDENTIAL_LINES). Empty lines are ignored. Refused are invalid
 * names, values that are empty or not ASCII, and headers that belong to the daemon or to HTTP, such as Host,
 * Content-Length and the webhook-* of signatures. Returns 0 with the lines, ending with NULL, each exactly
 * "Name: value"; or -EINVAL with *ret_problem, a malloc()ed text such as "is invalid at line 2: write \"Name:
 * value\"", which continues a sentence that begins with the name of the file and contains nothing of the
 * line.
 */
static int header_lines_parse(const char *text, char **ret_problem, char ***ret_lines)
{
        CLEANUP(cleanup_header_lines_free)
        char **lines =
                memory_need(calloc(strlen(text) / 2 + 2, sizeof(*lines))); /* each has two bytes or more */
        size_t count = 0;

        for (unsigned number = 1; *text != '\0'; number++) {
                size_t size = strcspn(text, "\n");
                if (strspn(text, " \t") < size) {
                        int r = parse_line(text, size, number, ret_problem, &lines[count]);
                        if (r < 0)
                                return r;
                        count++;
                }
                text += size + (text[size] == '\n');
        }
        *ret_lines = STEAL_POINTER(lines);
        return 0;
}

/* The size of what counts as repeated. */
#define REPEATED_BYTES 4

static void cleanup_secret(char **secret)
{
        secret_free(*secret);
}

/* `message` is freed. */
static int fail(const struct webhook_files_call *call, const char *where, const char *source, char *message)
{
        call->on_problem(call->userdata, where, source, false, message);
        free(message);
        return -EINVAL;
}

/* A secret: where its key is, and how it is read. */
struct secret {
        const char *where;
        struct credential credential;
};

static struct secret secret_of(const struct webhook_files_call *call, const char *where, const char *key,
                               const char *source, enum credential_form form)
{
        return (struct secret){ where, { key, source, call->config->path, form } };
}

/* Returns 1 with the secret, 0 if it is left out, or -EINVAL if it cannot be read, which was reported. */
static int read_secret(const struct webhook_files_call *call, const struct secret *secret, char **ret_text)
{
        const char *source = secret->credential.source;
        char *message = NULL;

        if (call->leaves_out != NULL && call->leaves_out(call->userdata, source))
                return 0;
        int r = credential_read(&secret->credential, ret_text, &message);
        if (r < 0)
                return fail(call, secret->where, source, message);
        if (message != NULL)
                call->on_problem(call->userdata, secret->where, source, true, message);
        free(message);
        return 1;
}

/* A secret has been read but cannot be used. `problem` is what is wrong with the file, and what to write. */
static int fail_content(const struct webhook_files_call *call, const struct secret *secret,
                        const char *problem)
{
        const struct credential *credential = &secret->credential;
        CLEANUP(cleanup_free) char *file = credential_file(credential->source, credential->config_path);

        return fail(call, secret->where, credential->source,
                    format_message("%s = %s: %s %s", credential->key, credential->source, file, problem));
}

static int read_url(const struct webhook_files_call *call, struct webhook_files *files)
{
        const struct hook_config *hook = call->hook;
        const struct secret secret =
                secret_of(call, hook->where, "url_file", hook->url_file, CREDENTIAL_WORD);
        CLEANUP(cleanup_secret) char *url = NULL;

        if (hook->url_file == NULL) {
                files->url = format_message("%s", hook->target);
                return 0;
        }
        int r = read_secret(call, &secret, &url);
        if (r <= 0)
                return r;
        if (check_hook_url(url) != NULL) {
                CLEANUP(cleanup_free)
                char *problem = format_message("has an invalid URL; %s", check_hook_url(url));
                return fail_content(call, &secret, problem);
        }
        files->url = STEAL_POINTER(url);
        files->url_is_secret = true;
        return 0;
}

static int read_key(const struct webhook_files_call *call, struct webhook_files *files)
{
        const struct hook_config *hook = call->hook;
        const struct secret secret =
                secret_of(call, hook->where_secret_file, "secret_file", hook->secret_file, CREDENTIAL_WORD);
        CLEANUP(cleanup_secret) char *text = NULL;

        int r = *hook->secret_file != '\0' ? read_secret(call, &secret, &text) : 0;
        if (r <= 0)
                return r;
        r = webhook_key_new(text, &files->key);
        return r == -EINVAL ? fail_content(call, &secret, webhook_key_problem(text)) : r;
}

static int read_header_lines(const struct webhook_files_call *call, struct webhook_files *files)
{
        const struct hook_config *hook = call->hook;
        const struct secret secret =
                secret_of(call, hook->where_header_file, "header_file", hook->header_file, CREDENTIAL_LINES);
        CLEANUP(cleanup_secret) char *text = NULL;
        CLEANUP(cleanup_free) char *problem = NULL;

        int r = *hook->header_file != '\0' ? read_secret(call, &secret, &text) : 0;
        if (r <= 0)
                return r;
        r = header_lines_parse(text, &problem, &files->header_lines);
        return r < 0 ? fail_content(call, &secret, problem) : 0;
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
        static int (*const readers[])(const struct webhook_files_call *, struct webhook_files *) = {
                read_url,
                read_key,
                read_header_lines,
                read_authorities,
        };
        CLEANUP(webhook_files_clear) struct webhook_files files = { .url = NULL };
        int result = 0;

        for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
                int r = readers[i](call, &files);
                if (r < 0)
                        result = r;
        }
        if (result < 0)
                return result;

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
