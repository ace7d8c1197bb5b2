/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

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

/*
 * The health of the API as a whole, since an API that is down is down for every job: while it is not well
 * nothing is asked but one probe at a time, at growing distances.
 */
enum health_trouble {
        HEALTH_WELL,
        HEALTH_UNREACHABLE,  /* no connection, no answer, or a server error */
        HEALTH_THROTTLED,    /* 409, 429, 503 with Retry-After: we ask too much */
        HEALTH_UNAUTHORIZED, /* 401, 403: nothing will be answered until somebody mends it */
};

struct health {
        enum health_trouble trouble;
        uint64_t since_us;  /* when the trouble began */
        uint64_t resume_us; /* while not well: no request before this time */
        uint64_t asked_us;  /* nor before this one, well or not: the server asked for it */
        unsigned failures;  /* in a row */
        bool probing;       /* the one request of troubled times is under way */
};

#define HEALTH_INITIAL ((struct health){ 0 })

/*
 * The earliest time at which a request may start: now_us if one may start at once, USEC_NEVER while a probe
 * is under way. Starting one while not well makes it the probe: say so with health_started().
 */
uint64_t health_next(const struct health *health, uint64_t now_us);

/* A request starts. In troubled times it is the probe; its owner remembers that and says so when it ends. */
void health_started(struct health *health);

/* A probe that was cancelled says nothing; the next one may go. */
void health_cancelled(struct health *health, bool probe);

/*
 * A request was answered sensibly. Returns true if that ended a trouble; *ret_lasted_us is then how long it
 * lasted. The late answer to a request older than the trouble ends nothing, and a pause that the server asked
 * for, be it in answer to another request, stays in force.
 */
bool health_succeeded(struct health *health, bool probe, uint64_t now_us, uint64_t *ret_lasted_us);

/*
 * A request met `trouble`. `retry_after_us` is what the server asked for (0: nothing), `cap_us` the longest
 * distance between probes. Returns true if this is a new trouble, that is, one worth a line in the log.
 * Failures of requests that were under way when the trouble began do not count it up again.
 */
bool health_failed(struct health *health, enum health_trouble trouble, bool probe, uint64_t now_us,
                   uint64_t retry_after_us, uint64_t cap_us, uint64_t random);
