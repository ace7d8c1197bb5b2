/* SPDX-License-Identifier: MIT */

/*
 * Arbitrary bytes as a ResultData. A progress is a percentage or none, a text without digits has none, and
 * one that is added in clear words to a text without any is found, but not where it is cut off.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/progress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ADDED_MAX 64

static void check(bool condition)
{
        if (!condition)
                abort();
}

static int detect(const char *text, size_t size, bool cut)
{
        /* A copy of the exact size, so that reading beyond it is an error. */
        char *copy = malloc(size > 0 ? size : 1);

        check(copy != NULL);
        memcpy(copy, text, size);
        int progress = progress_detect(copy, size, cut);
        free(copy);
        check(progress == PROGRESS_NONE || (progress >= 0 && progress <= 100));
        return progress;
}

static bool has_digit(const char *text, size_t size)
{
        for (size_t i = 0; i < size; i++)
                if (text[i] >= '0' && text[i] <= '9')
                        return true;
        return false;
}

static void check_added(const char *text, size_t size, unsigned done, unsigned total)
{
        /* What stands before, between and after the numbers. */
        static const char *const forms[][3] = { { "\n;done: ", " of ", ";" },
                                                { "\n;", " / ", " rows;" },
                                                { "\n;done=", ";rows=", ";" },
                                                { "\n;\"processedRows\": ", ", \"totalRows\": \"", "\";" } };
        const char *const *form = forms[(done ^ total) % 4];
        char added[ADDED_MAX];

        int length = snprintf(added, sizeof(added), "%s%u%s%u%s", form[0], done, form[1], total, form[2]);
        check(length > 0 && length < ADDED_MAX);
        char *longer = malloc(size + (size_t)length);
        check(longer != NULL);
        memcpy(longer, text, size);
        memcpy(longer + size, added, (size_t)length);
        int expected = total > 0 && done <= total ? (int)((uint64_t)done * 100 / total) : PROGRESS_NONE;
        check(detect(longer, size + (size_t)length, false) == expected);
        free(longer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        union {
                const uint8_t *bytes;
                const char *text;
        } input = { .bytes = data };

        (void)detect(input.text, size, true);
        int progress = detect(input.text, size, false);
        if (!has_digit(input.text, size)) {
                check(progress == PROGRESS_NONE);
                check_added(input.text, size, size > 1 ? data[0] : 1, size > 1 ? data[1] : 2);
        }
        return 0;
}
