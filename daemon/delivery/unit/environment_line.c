/* SPDX-License-Identifier: MIT */

/*
 * Assignments for EnvironmentFile=. Values are remote data: they must neither end their quotes nor make
 * systemd reject the file, since then the unit would not start. Between double quotes systemd's parser, like
 * a shell, takes every byte literally except the quote and the backslash. It also undoes the escapes of $ and
 * `, which are there for shells that source the file.
 */

#include "delivery/unit/environment_line.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/utf8.h"

/* The length of the UTF-8 sequence at `data` if systemd accepts the character, otherwise 0. */
static size_t character_length(const char *data, size_t size)
{
        uint32_t point = 0;
        size_t length = utf8_character(data, size, &point);

        if ((point >= 0xfdd0 && point <= 0xfdef) || (point & 0xfffe) == 0xfffe)
                return 0; /* noncharacters */
        return length;
}

char *environment_line(const char *name, const char *value, size_t size)
{
        size_t name_size = strlen(name);
        char *line, *end;

        size = strnlen(value, size);
        if (size > (SIZE_MAX - name_size) / 4)
                return NULL;
        line = malloc(name_size + 2 + size * (sizeof(UTF8_REPLACEMENT) - 1) + 3);
        if (line == NULL)
                return NULL;

        end = mempcpy(line, name, name_size);
        end = mempcpy(end, "=\"", 2);
        for (size_t at = 0; at < size;) {
                size_t length = character_length(value + at, size - at);
                if (length == 0) {
                        end = mempcpy(end, UTF8_REPLACEMENT, sizeof(UTF8_REPLACEMENT) - 1);
                        at++;
                        continue;
                }
                if (strchr("\\\"`$", value[at]) != NULL)
                        *end++ = '\\';
                end = mempcpy(end, value + at, length);
                at += length;
        }
        memcpy(end, "\"\n", 3);
        return line;
}
