/* SPDX-License-Identifier: MIT */

/*
 * Assignments for EnvironmentFile=. Values are remote data: they must neither end their quotes nor make
 * systemd reject the file, since then the unit would not start. Between double quotes systemd's parser, like
 * a shell, takes every byte literally except the quote and the backslash. It also undoes the escapes of $ and
 * `, which are there for shells that source the file.
 */

#include "delivery/unit/environment_line.h"

#include <stdint.h>
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

void environment_line(FILE *stream, const char *name, const char *value, size_t size)
{
        size = strnlen(value, size);
        (void)fprintf(stream, "%s=\"", name);
        for (size_t at = 0; at < size;) {
                size_t length = character_length(value + at, size - at);

                if (length == 0) {
                        (void)fputs(UTF8_REPLACEMENT, stream);
                        at++;
                        continue;
                }
                if (strchr("\\\"`$", value[at]) != NULL)
                        (void)fputc('\\', stream);
                (void)fwrite(value + at, 1, length, stream);
                at += length;
        }
        (void)fputs("\"\n", stream);
}
