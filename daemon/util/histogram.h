/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How long something took: a number of durations for each of some ranges. One thread adds, and any thread may
 * read at the same time, without a lock. All zeroes: empty.
 */

#define HISTOGRAM_BOUNDS 10

/* Ascending, in microseconds: 1 ms to 30 s. */
extern const uint64_t histogram_bounds_us[HISTOGRAM_BOUNDS];

struct histogram {
        atomic_uint_fast64_t counts[HISTOGRAM_BOUNDS + 1]; /* up to each bound; the last: longer ones */
        atomic_uint_fast64_t sum_us;
};

void histogram_add(struct histogram *histogram, uint64_t duration_us);

/* The number of durations up to the bound with this index; HISTOGRAM_BOUNDS: of all. */
uint64_t histogram_count(const struct histogram *histogram, size_t index);

uint64_t histogram_sum_us(const struct histogram *histogram);
