/* SPDX-License-Identifier: MIT */

/*
 * Assignments for EnvironmentFile=. Values are remote data: whatever they hold, they must neither end their
 * quotes nor make systemd refuse the file, since then the unit would not start at all. Between double quotes
 * its parser, like a shell, takes every byte as it is but the quote and the backslash; it also undoes the
 * escapes of $ and `, which are there for those who source the file in a shell.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "delivery/unit/event_files.h"

static const char replacement[] = "\xef\xbf\xbd";

/* The length of the UTF-8 sequence at `data` if it is a character that systemd takes, else 0. */
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
                return 0; /* for good no characters */
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
