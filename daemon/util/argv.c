/* SPDX-License-Identifier: MIT */

/*
 * Command lines in the syntax of ExecStart=. Each word is built in one buffer of the size of the line, which
 * suffices because no escape is shorter than its character. Where systemd only warns, such as for an unknown
 * escape, this fails: a command that was misunderstood must not run.
 */

#include "util/argv.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/digits.h"
#include "util/memory.h"
#include "util/string_list.h"

#define WHITE_SPACE " \t\n\r"

/* Reads exactly `digits` digits in base 8 or 16 and advances *line. */
static bool read_digits(const char **line, unsigned base, unsigned digits, uint32_t *ret_number)
{
        uint32_t number = 0;

        for (; digits > 0; digits--, (*line)++) {
                int digit = hex_digit_value(**line);
                if (digit < 0 || (unsigned)digit >= base)
                        return false;
                number = number * base + (uint32_t)digit;
        }
        *ret_number = number;
        return true;
}

/* Returns the new end. */
static char *write_utf8(char *end, uint32_t point)
{
        static const unsigned char leads[] = { 0, 0xc0, 0xe0, 0xf0 };

        if (point < 0x80) {
                *end++ = (char)point;
                return end;
        }
        unsigned more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
        *end++ = (char)(leads[more] | point >> (6 * more));
        while (more-- > 0)
                *end++ = (char)(0x80 | (point >> (6 * more) & 0x3f));
        return end;
}

/* Reads the escape after a backslash: appends its character at *end and advances both pointers. */
static bool read_escape(const char **line, char **end)
{
        static const char letters[] = "\\\"'abfnrtvs;", meanings[] = "\\\"'\a\b\f\n\r\t\v ;";
        char letter = **line;
        const char *known = letter != '\0' ? strchr(letters, letter) : NULL;
        uint32_t number;

        if (known != NULL) {
                (*line)++;
                *(*end)++ = meanings[known - letters];
                return true;
        }

        if (letter >= '0' && letter <= '7') {
                if (!read_digits(line, 8, 3, &number) || number == 0 || number > 0xff)
                        return false;
                *(*end)++ = (char)number;
                return true;
        }

        unsigned digits = letter == 'x' ? 2 : letter == 'u' ? 4 : letter == 'U' ? 8 : 0;
        if (digits == 0)
                return false;
        (*line)++;
        if (!read_digits(line, 16, digits, &number) || number == 0)
                return false;
        if (digits == 2) {
                *(*end)++ = (char)number;
                return true;
        }
        if (number > 0x10ffff || (number >= 0xd800 && number <= 0xdfff))
                return false;
        *end = write_utf8(*end, number);
        return true;
}

/* Reads the word at *line into `buffer` and advances *line. */
static int read_word(const char **line, char *buffer)
{
        const char *at = *line;
        char quote = '\0', *end = buffer;

        while (*at != '\0' && (quote != '\0' || strchr(WHITE_SPACE, *at) == NULL)) {
                char c = *at++;
                if (c == '\\') {
                        if (!read_escape(&at, &end))
                                return -EINVAL;
                } else if (quote != '\0' ? c == quote : c == '"' || c == '\'') {
                        quote = (char)(quote != '\0' ? '\0' : c);
                } else {
                        *end++ = c;
                }
        }
        if (quote != '\0')
                return -EINVAL;

        *end = '\0';
        *line = at;
        return 0;
}

int argv_split(const char *line, char ***ret_words)
{
        CLEANUP(cleanup_free) char *buffer = memory_malloc(NULL, strlen(line) + 1);
        struct string_list words = { 0 };

        while (*(line += strspn(line, WHITE_SPACE)) != '\0') {
                if (read_word(&line, buffer) < 0) {
                        string_list_clear(&words);
                        return -EINVAL;
                }
                string_list_add(&words, buffer);
        }
        if (words.count == 0)
                return -EINVAL;

        *ret_words = words.items;
        return 0;
}

char **command_free(char **words)
{
        if (words != NULL)
                for (char **word = words; *word != NULL; word++)
                        free(*word);
        free(words);
        return NULL;
}
