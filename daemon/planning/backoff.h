/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/timespan.h"

/*
 * When to try again after something failed. Pure: chance and time are arguments, spans and times are
 * microseconds.
 */

/*
 * Exponential backoff with full jitter: anything between 0 and base × 2^(failures − 1), but at most `cap_us`,
 * by chance
 * (`random`, any 64-bit number), so that many clients that failed together do not come back together. Never
 * less than a quarter of `base_us`, so that chance does not make a storm of one client. `failures` counts
 * from 1.
 */
uint64_t backoff_span(unsigned failures, uint64_t base_us, uint64_t cap_us, uint64_t random);

/* No delivery waits longer than this for its next attempt, unless the receiver asks for it. */
#define DELIVERY_DELAY_MAX_US (70 * USEC_PER_MIN)

/*
 * How long to wait after a delivery's failed attempt, of which `made` were made (from 1): 5 s, 30 s, 2 min,
 * 10 min, 30 min, and 1 h from then on, each up to a tenth more by chance. A receiver's `retry_after_us` (0:
 * none) that is longer counts instead, up to an hour.
 */
uint64_t delivery_delay(unsigned made, uint64_t retry_after_us, uint64_t random);

/* A server may ask for a longer wait than this, and is not heeded beyond it. */
#define RETRY_AFTER_MAX_US (1 * USEC_PER_HOUR)
