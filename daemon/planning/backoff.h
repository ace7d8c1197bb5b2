/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "util/timespan.h"

/*
 * When to try again after a failure. Pure: `random` is any 64-bit number, times and spans are microseconds.
 */

/* A server may ask for a longer wait than this, and is not heeded beyond it. */
#define RETRY_AFTER_MAX_US (1 * USEC_PER_HOUR)

/*
 * The next poll of a job that has failed `failures` times in a row (from 1): between half and all of
 * pace × 2^failures, at most 5 min, at least the pace, and at least `retry_after_us` (0: none).
 */
uint64_t poll_backoff(unsigned failures, uint64_t pace_us, uint64_t retry_after_us, uint64_t random);

/*
 * The delay after the failed attempt number `made` (from 1) of a delivery: 5 s, 30 s, 2 min, 10 min, 30 min,
 * then 1 h, each up to a tenth longer by `random`. A longer `retry_after_us` (0: none) of the receiver
 * counts instead, at most RETRY_AFTER_MAX_US.
 */
uint64_t delivery_delay(unsigned made, uint64_t retry_after_us, uint64_t random);

/*
 * When a delivery that was to wait until `next_us` with a delay of `delay_us` is due. The clock may have been
 * set since then: it waits for what remains of its delay from `now_us` on, at most for all of it. No delay is
 * longer than 70 min; one that is not known (0) is taken for that.
 */
uint64_t delivery_due(uint64_t next_us, uint64_t delay_us, uint64_t now_us);
