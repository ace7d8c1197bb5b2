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

static const char replacement[] = "\xef\xbf\xbd";

/* The length of the UTF-8 sequence at `data` if systemd accepts the character, otherwise 0. */
static size_t character_length(const unsigned char *data, size_t size)
{
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        size_t length = data[0] < 0x80 ? 1 : data[0] >= 0xf0 ? 4 : data[0] >= 0xe0 ? 3 : 2;
        uint32_t point = length == 1 ? data[0] : data[0] & (0xffu >> (length + 1));

        if (length > size || (data[0] >= 0x80 && data[0] < 0xc2) || data[0] > 0xf4)
                return 0;
        for (size_t i = 1; i < length; i++) {
                if ((data[i] & 0xc0) != 0x80)
                        return 0;
                point = point << 6 | (data[i] & 0x3fu);
        }
        if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
                return 0;
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
        line = malloc(name_size + 2 + size * (sizeof(replacement) - 1) + 3);
        if (line == NULL)
                return NULL;

        end = mempcpy(line, name, name_size);
        end = mempcpy(end, "=\"", 2);
        for (size_t at = 0; at < size;) {
                size_t length = character_length((const unsigned char *)value + at, size - at);
                if (length == 0) {
                        end = mempcpy(end, replacement, sizeof(replacement) - 1);
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
