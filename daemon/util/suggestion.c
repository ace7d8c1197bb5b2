/* SPDX-License-Identifier: MIT */

/*
 * The distance of two names is the number of edits between them (Damerau and Levenshtein, with adjacent
 * letters swapped once at most), computed row by row of the usual table.
 */

#include "util/suggestion.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* Longer names have no suggestion. */
#define NAME_BYTES_MAX 50

static unsigned least(unsigned a, unsigned b)
{
        return a < b ? a : b;
}

static int fold(char c)
{
        return tolower((unsigned char)c);
}

/* The edits between both names; `limit` if they are as many or more. */
static unsigned edit_distance(const char *left, const char *right, unsigned limit)
{
        /* Cell j of row i is the distance of the first i letters of left and the first j of right. */
        unsigned rows[3][NAME_BYTES_MAX + 1];
        size_t left_size = strlen(left), right_size = strlen(right);

        if (left_size > NAME_BYTES_MAX || right_size > NAME_BYTES_MAX)
                return limit;
        for (size_t j = 0; j <= right_size; j++)
                rows[0][j] = (unsigned)j;

        for (size_t i = 1; i <= left_size; i++) {
                unsigned *row = rows[i % 3], *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];
                row[0] = (unsigned)i;
                for (size_t j = 1; j <= right_size; j++) {
                        bool same = fold(left[i - 1]) == fold(right[j - 1]);
                        row[j] = least(above[j - 1] + !same, least(above[j], row[j - 1]) + 1);
                        if (i > 1 && j > 1 && fold(left[i - 1]) == fold(right[j - 2]) &&
                            fold(left[i - 2]) == fold(right[j - 1]))
                                row[j] = least(row[j], above2[j - 2] + 1);
                }
        }
        return least(rows[left_size % 3][right_size], limit);
}

const char *nearest_word(const char *typed, const char *const *first, size_t stride, size_t count)
{
        unsigned least_edits = (unsigned)strlen(typed) / 3 + 1;
        const char *nearest = NULL;

        for (size_t i = 0; i < count; i++) {
                const char *candidate;
                memcpy(&candidate, (const char *)first + i * stride, sizeof(candidate));
                unsigned edits = edit_distance(typed, candidate, least_edits);
                if (edits < least_edits) {
                        least_edits = edits;
                        nearest = candidate;
                }
        }
        return nearest;
}
