/* SPDX-License-Identifier: MIT */

/*
 * Splits arbitrary bytes as a command line. The words, joined with every byte escaped and split again, must
 * be the same, and no word may be longer than the line.
 */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/argv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
        if (!condition)
                abort();
}

/* Joins the words to a line: quoted, to keep empty ones, and escaped in hexadecimal. */
static char *write_line(char **words)
{
        size_t room = 1;

        for (char **word = words; *word != NULL; word++)
                room += 4 * strlen(*word) + 3;
        char *line = malloc(room), *end = line;
        check(line != NULL);
        for (char **word = words; *word != NULL; word++) {
                *end++ = '"';
                for (const char *at = *word; *at != '\0'; at++)
                        end += sprintf(end, "\\x%02x", (unsigned char)*at);
                *end++ = '"';
                *end++ = ' ';
        }
        *end = '\0';
        return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char **words = NULL, **again = NULL;
        char *line = malloc(size + 1);

        check(line != NULL);
        if (size > 0)
                memcpy(line, data, size);
        line[size] = '\0';
        size_t length = strlen(line);

        int r = argv_split(line, &words);
        check(r == 0 || r == -EINVAL || r == -ENOMEM);
        check((r == 0) == (words != NULL));
        if (r == 0) {
                check(words[0] != NULL);
                for (char **word = words; *word != NULL; word++)
                        check(strlen(*word) <= length);
                char *escaped = write_line(words);
                check(argv_split(escaped, &again) == 0);
                size_t i = 0;
                for (; words[i] != NULL; i++)
                        check(again[i] != NULL && strcmp(words[i], again[i]) == 0);
                check(again[i] == NULL);
                free(escaped);
        }

        command_free(words);
        command_free(again);
        free(line);
        return 0;
}
