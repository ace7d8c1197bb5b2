/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/timespan.h"

/* Delays before retries. Pure: randomness is an argument; times are microseconds. */

/*
 * Exponential backoff with full jitter: a random delay between 0 and min(cap_us, base_us × 2^(failures −
 * 1)), so that clients that failed together do not return together; but at least a quarter of base_us, so
 * that one client does not retry in a burst. `failures` counts from 1, `random` is any 64-bit number.
 */
uint64_t backoff_delay(unsigned failures, uint64_t base_us, uint64_t cap_us, uint64_t random);

/* Upper bound of the delay between two attempts of a delivery. */
#define DELIVERY_DELAY_MAX_US (70 * USEC_PER_MIN)

/*
 * Delay after the failed attempt number `made` (from 1) of a delivery: 5 s, 30 s, 2 min, 10 min, 30 min,
 * then 1 h, plus up to a tenth at random. A longer `retry_after_us` of the receiver (0: none) is used
 * instead, up to RETRY_AFTER_MAX_US.
 */
uint64_t delivery_delay(unsigned made, uint64_t retry_after_us, uint64_t random);

/* Longer Retry-After values are clamped to this. */
#define RETRY_AFTER_MAX_US (1 * USEC_PER_HOUR)
