/* SPDX-License-Identifier: MIT */

/* Durations, counted by ranges. */

#include "util/histogram.h"

#include <assert.h>

#include "util/timespan.h"

const uint64_t histogram_bounds_us[HISTOGRAM_BOUNDS] = {
        1 * USEC_PER_MSEC,   3 * USEC_PER_MSEC, 10 * USEC_PER_MSEC, 30 * USEC_PER_MSEC, 100 * USEC_PER_MSEC,
        300 * USEC_PER_MSEC, 1 * USEC_PER_SEC,  3 * USEC_PER_SEC,   10 * USEC_PER_SEC,  30 * USEC_PER_SEC,
};

void histogram_add(struct histogram *histogram, uint64_t duration_us)
{
        size_t i = 0;

        while (i < HISTOGRAM_BOUNDS && duration_us > histogram_bounds_us[i])
                i++;
        (void)atomic_fetch_add_explicit(&histogram->counts[i], 1, memory_order_relaxed);
        (void)atomic_fetch_add_explicit(&histogram->sum_us, duration_us, memory_order_relaxed);
}

uint64_t histogram_count(const struct histogram *histogram, size_t index)
{
        uint64_t count = 0;

        assert(index <= HISTOGRAM_BOUNDS);
        for (size_t i = 0; i <= index; i++)
                count += atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
        return count;
}

uint64_t histogram_sum_us(const struct histogram *histogram)
{
        return atomic_load_explicit(&histogram->sum_us, memory_order_relaxed);
}
