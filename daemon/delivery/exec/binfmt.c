/* SPDX-License-Identifier: MIT */

/*
 * Reads the handlers of binfmt_misc, one file for each: "enabled", then a line "extension .X", or lines
 * "offset N", "magic HEX" and perhaps "mask HEX". A file is read as the kernel writes it.
 */

#include "delivery/exec/binfmt.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/digits.h"
#include "util/message.h"

/* What follows `key`; NULL if it is missing. */
static const char *find_value(const char *text, const char *key)
{
        const char *at = strstr(text, key);

        return at != NULL ? at + strlen(key) : NULL;
}

static bool magic_matches(const char *magic, const char *mask, size_t offset, const char *head, size_t size)
{
        for (size_t i = 0; hex_digit_value(magic[2 * i]) >= 0; i++) {
                int byte = hex_digit_value(magic[2 * i]) * 16 + hex_digit_value(magic[2 * i + 1]);
                int bits = 0xff;
                if (mask != NULL)
                        bits = hex_digit_value(mask[2 * i]) * 16 + hex_digit_value(mask[2 * i + 1]);
                if (offset + i >= size || (((unsigned char)head[offset + i] ^ byte) & bits) != 0)
                        return false;
        }
        return true;
}

static bool handler_matches(const char *path, const char *program, const char *head, size_t size)
{
        CLEANUP(cleanup_file) FILE *file = fopen(path, "re");
        char text[4096];

        if (file == NULL)
                return false;
        text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
        const char *extension = find_value(text, "\nextension "), *offset = find_value(text, "\noffset "),
                   *magic = find_value(text, "\nmagic "), *suffix = strrchr(program, '.');

        if (strncmp(text, "enabled\n", strlen("enabled\n")) != 0)
                return false;
        if (extension != NULL && suffix != NULL) {
                size_t length = strcspn(extension, "\n");
                return strlen(suffix) == length && memcmp(suffix, extension, length) == 0;
        }
        return magic != NULL && offset != NULL &&
               magic_matches(magic, find_value(text, "\nmask "), strtoul(offset, NULL, 10), head, size);
}

bool binfmt_handles(const char *directory, const char *program, const char *head, size_t size)
{
        DIR *stream = opendir(directory);
        bool matches = false;

        if (stream == NULL)
                return false;
        for (const struct dirent *entry; !matches && (entry = readdir(stream)) != NULL;) {
                CLEANUP(cleanup_free) char *path = format_message("%s/%s", directory, entry->d_name);
                matches = path != NULL && handler_matches(path, program, head, size);
        }
        (void)closedir(stream);
        return matches;
}
