/* SPDX-License-Identifier: MIT */

/*
 * Arbitrary bytes as a Description. Folded it has no digit and is no longer, and folding it again changes
 * nothing; descriptions that differ only in their numbers are of one kind.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/durations.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
        if (!condition)
                abort();
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static void check_kind(const char *text, size_t size)
{
        char *other = malloc(size > 0 ? size : 1);

        check(other != NULL);
        for (size_t i = 0; i < size; i++)
                other[i] = is_digit(text[i]) ? (char)('0' + (text[i] - '0' + 1) % 10) : text[i];
        check(description_kind(other, size) == description_kind(text, size));
        check((description_kind(text, size) == 0) == (size == 0));
        free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        union {
                const uint8_t *bytes;
                const char *text;
        } input = { .bytes = data };
        char *once = malloc(size > 0 ? size : 1), *twice = malloc(size > 0 ? size : 1);

        check(once != NULL && twice != NULL);
        size_t folded = description_fold(input.text, size, once);
        check(folded <= size);
        for (size_t i = 0; i < folded; i++)
                check(!is_digit(once[i]));
        check(description_fold(once, folded, twice) == folded && memcmp(once, twice, folded) == 0);
        check_kind(input.text, size);
        free(once);
        free(twice);
        return 0;
}
