/* SPDX-License-Identifier: MIT */

/* The lines of header_file, checked so that each is one header of the request and replaces none of ours. */

#include "delivery/webhook/header_lines.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/text.h"

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

DEFINE_CLEANUP(char *, header_lines_free)

int header_lines_parse(const char *text, char **ret_problem, char ***ret_lines)
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

const char *header_line_value(const char *line)
{
        const char *colon = strchr(line, ':');

        assert(colon != NULL);
        return colon + 2;
}

char **header_lines_free(char **lines)
{
        for (size_t i = 0; lines != NULL && lines[i] != NULL; i++)
                secret_free(lines[i]);
        free(lines);
        return NULL;
}
