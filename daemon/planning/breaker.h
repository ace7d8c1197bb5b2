/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * A circuit breaker for the API as a whole. While it is open, only one probe at a time is sent, at
 * increasing intervals. Times are CLOCK_BOOTTIME in microseconds.
 */
enum outage {
        OUTAGE_NONE,
        OUTAGE_UNREACHABLE,  /* no connection, no response, or a server error */
        OUTAGE_THROTTLED,    /* 409, 429, 503 with Retry-After: too many requests */
        OUTAGE_UNAUTHORIZED, /* 401, 403: lasts until somebody fixes it */
};

struct breaker {
        enum outage outage;
        uint64_t since_us;             /* start of the outage */
        uint64_t resume_us;            /* while open: no probe before this time */
        uint64_t retry_after_until_us; /* no request before this time, open or closed: Retry-After of the
                                          server */
        unsigned failures;             /* in a row */
        bool probing;                  /* a probe is in flight (half-open) */
};

#define BREAKER_INITIAL ((struct breaker){ 0 })

/*
 * Whether a request may start now. If the breaker is open, the request is the probe; breaker_started() says
 * that it was sent.
 */
bool breaker_allows(const struct breaker *breaker, uint64_t now_us);

/*
 * The earliest time at which breaker_allows() returns true without further responses; USEC_NEVER while a
 * probe is in flight.
 */
uint64_t breaker_next(const struct breaker *breaker, uint64_t now_us);

/* A request starts. While the breaker is open it is the probe; its owner passes `probe` when it ends. */
void breaker_started(struct breaker *breaker);

/* A request ended without evidence. If it was the probe, the next one may start. */
void breaker_cancelled(struct breaker *breaker, bool probe);

/*
 * A request succeeded. Returns true if that closes the breaker; *ret_lasted_us is then the duration of the
 * outage. Only a probe closes it, not the late response to a request from before the outage. A Retry-After,
 * from whichever request, stays in force.
 */
bool breaker_succeeded(struct breaker *breaker, bool probe, uint64_t now_us, uint64_t *ret_lasted_us);

/*
 * A request failed. `retry_after_us` is the Retry-After of the server (0: none), `cap_us` the longest time
 * between probes, `random` any 64-bit number. Returns true if this outage is new and worth logging. Failures
 * of requests that were in flight when the outage began do not lengthen the backoff. `outage` must not be
 * OUTAGE_NONE.
 */
bool breaker_failed(struct breaker *breaker, enum outage outage, bool probe, uint64_t now_us,
                    uint64_t retry_after_us, uint64_t cap_us, uint64_t random);
