/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How long jobs took, by the kind of their Description, in which digits and quoted parts do not matter:
 * "Import of 12 rows from "a.csv"" and "Import of 400 rows from "b.csv"" are of one kind.
 */

/* So much of a Description tells its kind. */
#define DESCRIPTION_MAX 1024

/*
 * Writes the description with "#" instead of each sequence of digits, and without what is in single or double
 * quotes. `ret_folded` has room for `size` bytes; the function returns how many it has used. The
 * quote of an apostrophe begins nothing, and one without its end neither.
 */
size_t description_fold(const char *description, size_t size, char *ret_folded);

/* A number for all descriptions that are the same when folded. 0: there is none, or it is empty. */
uint64_t description_kind(const char *description, size_t size);

/* Samples at most. */
#define DURATIONS_MAX 1000

/* A median is made of so many samples at least. */
#define DURATIONS_LEAST 3

/* All zeroes: none. */
struct durations {
        size_t count;
        bool sorted;
        struct duration {
                uint64_t kind, duration_us;
        } items[DURATIONS_MAX];
};

/* Adds one, unless there are enough or `kind` is 0. */
void durations_add(struct durations *durations, uint64_t kind, uint64_t duration_us);

/* Returns whether there are enough of this kind, and the median: of an even number, the smaller one. */
bool durations_median(struct durations *durations, uint64_t kind, uint64_t *ret_median_us);
