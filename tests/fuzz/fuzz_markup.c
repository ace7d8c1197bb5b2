/* SPDX-License-Identifier: MIT */

/*
 * Arbitrary bytes as a text in HTML and SVG. What is written is read back by a parser that is not ours: it
 * must be text of visible characters with the five references, as long as the limit says, and the same as the
 * text where that is harmless. No address is left.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/markup.h"
#include "utf8_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
        if (!condition)
                abort();
}

static char *write_markup(const char *data, size_t size, size_t limit, size_t *ret_size)
{
        char *written = NULL;
        FILE *file = open_memstream(&written, ret_size);

        check(file != NULL);
        markup_put(file, data, size, limit);
        check(fclose(file) == 0);
        return written;
}

/* Reads one character or reference. Returns the byte that stands for it: of ASCII itself, otherwise 0x80. */
static unsigned char read_back(const char **at)
{
        static const struct {
                const char *reference;
                char character;
        } references[] = {
                { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' }, { "&quot;", '"' }, { "&#39;", '\'' }
        };
        const unsigned char byte = (unsigned char)**at;

        if (byte == '&') {
                for (size_t i = 0; i < sizeof(references) / sizeof(*references); i++)
                        if (strncmp(*at, references[i].reference, strlen(references[i].reference)) == 0) {
                                *at += strlen(references[i].reference);
                                return (unsigned char)references[i].character;
                        }
                abort();
        }
        check(byte >= ' ' && byte != 0x7f && strchr("<>\"'", byte) == NULL);
        (*at)++;
        while (byte >= 0x80 && ((unsigned char)**at & 0xc0) == 0x80)
                (*at)++;
        return byte < 0x80 ? byte : 0x80;
}

static size_t check_markup(const char *written, size_t written_size)
{
        size_t count = 0;

        check(strlen(written) == written_size && is_utf8((const unsigned char *)written, written_size));
        check(strstr(written, "\xef\xbf\xbe") == NULL && strstr(written, "\xef\xbf\xbf") == NULL);
        for (const char *at = written; *at != '\0'; count++)
                (void)read_back(&at);
        return count;
}

/* Characters that are plain are read back, in their order. */
static void check_plain(const uint8_t *data, size_t size, const char *written)
{
        for (size_t i = 0; i < size; i++) {
                if (data[i] < ' ' || data[i] >= 0x7f)
                        continue;
                unsigned char got;
                do {
                        check(*written != '\0');
                        got = read_back(&written);
                } while (got != data[i] && (got == 0x80 || got == ' '));
                check(got == data[i]);
        }
}

/* Nothing has an "@" between two bytes of a word, or between one and the end. */
static void check_addresses(const char *text)
{
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._%+-";

        for (const char *at = strchr(text, '@'); at != NULL; at = strchr(at + 1, '@'))
                check(at == text || strchr(letters, at[-1]) == NULL ||
                      (at[1] != '\0' && strchr(letters, at[1]) == NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        size_t written_size, cut_size;

        char *copy = malloc(size + 1);
        check(copy != NULL);
        if (size > 0)
                memcpy(copy, data, size);
        copy[size] = '\0';

        char *written = write_markup(copy, size, 0, &written_size);
        const size_t count = check_markup(written, written_size);
        check_plain(data, size, written);
        for (size_t limit = 1; limit <= 3; limit++) {
                char *cut = write_markup(copy, size, limit, &cut_size);
                check(check_markup(cut, cut_size) == (count > limit ? limit + 1 : count));
                free(cut);
        }
        char *public = text_without_addresses(copy);
        check_addresses(public);

        free(public);
        free(written);
        free(copy);
        return 0;
}
