/* SPDX-License-Identifier: MIT */

/*
 * Names of units. Values in a name are escaped: "/" becomes "-"; everything but letters, digits, ":", "_" and
 * "." becomes \xNN, and so does a leading ".". A literal percent sign (%%) is escaped too, since systemd
 * does not accept it in a name.
 */

#include "delivery/unit/unit_name.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"

#define UNIT_NAME_BYTES_MAX 255

#define LETTERS_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static bool is_one_of(char byte, const char *set)
{
        return byte != '\0' && strchr(set, byte) != NULL;
}

char *unit_name_escape(const char *data, size_t size)
{
        static const char digits[] = "0123456789abcdef";
        char *name = memory_malloc(NULL, size * 4 + 1), *end = name;

        for (size_t i = 0; i < size; i++) {
                if (data[i] == '/') {
                        *end++ = '-';
                } else if (is_one_of(data[i], LETTERS_DIGITS ":_.") && !(i == 0 && data[i] == '.')) {
                        *end++ = data[i];
                } else {
                        *end++ = '\\';
                        *end++ = 'x';
                        *end++ = digits[(unsigned char)data[i] >> 4];
                        *end++ = digits[(unsigned char)data[i] & 15];
                }
        }
        *end = '\0';
        return name;
}

bool unit_name_is_valid(const char *name)
{
        static const char *const types[] = { "service", "target", "timer", "path",   "socket",   "mount",
                                             "swap",    "slice",  "scope", "device", "automount" };
        const char *dot = strrchr(name, '.'), *at = strchr(name, '@');
        bool known = false;

        for (size_t i = 0; dot != NULL && i < sizeof(types) / sizeof(*types); i++)
                known |= strcmp(dot + 1, types[i]) == 0;
        if (!known || dot == name || strlen(name) > UNIT_NAME_BYTES_MAX)
                return false;
        if (strspn(name, LETTERS_DIGITS ":-_.\\@") < strlen(name))
                return false;
        return at != name && (at == NULL || dot > at + 1);
}

bool unit_name_is_service(const char *name)
{
        const char *dot = strrchr(name, '.');

        return dot != NULL && strcmp(dot, ".service") == 0;
}

/* ---- specifiers ---- */

/* The value of a specifier, escaped. */
static char *escaped_value(char specifier, const struct event *event)
{
        const char *outcome = outcome_to_string(event->outcome);
        char number[24];
        int length;

        switch (specifier) {
        case 'i':
                length = snprintf(number, sizeof(number), "%" PRIu64, event->record.id);
                return unit_name_escape(number, (size_t)length);
        case 'n':
                return unit_name_escape(text_or_empty(&event->job_name), event->job_name.size);
        case 'e':
                return unit_name_escape(event->id, strlen(event->id));
        case 'o':
                return unit_name_escape(outcome, strlen(outcome));
        default: /* %%: the configuration allows no other */
                return unit_name_escape("%", 1);
        }
}

static char *expand(const char *pattern, const struct event *event)
{
        char *name = format_message("%s", "");

        for (const char *at = pattern; *at != '\0'; at++) {
                CLEANUP(cleanup_free) char *before = name;

                if (*at != '%' || at[1] == '\0') {
                        name = format_message("%s%c", before, *at);
                } else {
                        CLEANUP(cleanup_free) char *value = escaped_value(*++at, event);
                        name = format_message("%s%s", before, value);
                }
        }
        return name;
}

int unit_name_expand(const char *pattern, const struct event *event, char **ret_reason, char **ret_name)
{
        CLEANUP(cleanup_free) char *name = expand(pattern, event);

        *ret_reason = NULL;
        if (!unit_name_is_valid(name)) {
                bool nameless = event->job_name.size == 0 && strstr(pattern, "%n") != NULL;
                *ret_reason = format_message("unit = %s expands to \"%s\", which is not a valid unit name%s",
                                             pattern, name,
                                             nameless ? ": the job has no name for %n; add a section "
                                                        "[job NAME], or use %i"
                                                      : "");
                return -EINVAL;
        }
        *ret_name = STEAL_POINTER(name);
        return 0;
}
