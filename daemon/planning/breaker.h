/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * The health of the API as a whole, since an API that is down is down for every job: while it is not well
 * nothing is asked but one probe at a time, at growing distances.
 */
enum outage {
        OUTAGE_NONE,
        OUTAGE_UNREACHABLE,  /* no connection, no answer, or a server error */
        OUTAGE_THROTTLED,    /* 409, 429, 503 with Retry-After: we ask too much */
        OUTAGE_UNAUTHORIZED, /* 401, 403: nothing will be answered until somebody mends it */
};

struct breaker {
        enum outage outage;
        uint64_t since_us;             /* when the trouble began */
        uint64_t resume_us;            /* while not well: no request before this time */
        uint64_t retry_after_until_us; /* nor before this one, well or not: the server asked for it */
        unsigned failures;             /* in a row */
        bool probing;                  /* the one request of troubled times is under way */
};

#define BREAKER_INITIAL ((struct breaker){ 0 })

/*
 * The earliest time at which a request may start: now_us if one may start at once, USEC_NEVER while a probe
 * is in flight. Starting one while the breaker is not closed makes it the probe; call breaker_started() then.
 */
uint64_t breaker_next(const struct breaker *breaker, uint64_t now_us);

/* A request starts. In troubled times it is the probe; its owner remembers that and says so when it ends. */
void breaker_started(struct breaker *breaker);

/* A probe that was cancelled says nothing; the next one may go. */
void breaker_cancelled(struct breaker *breaker, bool probe);

/*
 * A request was answered sensibly. Returns true if that ended a trouble; *ret_lasted_us is then how long it
 * lasted. The late answer to a request older than the trouble ends nothing, and a pause that the server asked
 * for, be it in answer to another request, stays in force.
 */
bool breaker_succeeded(struct breaker *breaker, bool probe, uint64_t now_us, uint64_t *ret_lasted_us);

/*
 * A request met `trouble`. `retry_after_us` is what the server asked for (0: nothing), `cap_us` the longest
 * distance between probes. Returns true if this is a new trouble, that is, one worth a line in the log.
 * Failures of requests that were under way when the trouble began do not count it up again.
 */
bool breaker_failed(struct breaker *breaker, enum outage outage, bool probe, uint64_t now_us,
                    uint64_t retry_after_us, uint64_t cap_us, uint64_t random);
