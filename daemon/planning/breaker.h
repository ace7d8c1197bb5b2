/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/failure.h"

/*
 * The circuit breaker of the API. It opens when the API as a whole fails, and then lets one request at a
 * time through, the probe, at increasing intervals:
 *
 *      CLOSED --two witnesses, or unreachable--> OPEN --probe sent--> HALF_OPEN
 *        ^                                        ^                      |
 *        |                                        +-----probe failed-----+
 *        +------------------------any success----------------------------+
 *
 * Who is a witness is the planner's business (attribution.h). Pure: `now_us` is CLOCK_BOOTTIME in
 * microseconds and never 0, `random` any 64-bit number.
 */
enum breaker_state {
        BREAKER_CLOSED,    /* requests go out as planned */
        BREAKER_OPEN,      /* waits for the time of the next probe */
        BREAKER_HALF_OPEN, /* a probe is in flight */
};

struct breaker {
        enum breaker_state state;
        enum failure failure;               /* unless closed: of the last probe, or what opened it */
        uint64_t since_us;                  /* unless closed: of the first failure that led to it */
        uint64_t probe_us;                  /* unless closed: no probe before */
        unsigned failed_probes;             /* in a row */
        uint64_t witness_us[FAILURE_COUNT]; /* of the first witness in each class; 0: none */
};

#define BREAKER_INITIAL ((struct breaker){ .state = BREAKER_CLOSED })

/* When a request may go out: `now_us` while closed, UINT64_MAX while a probe is in flight. */
uint64_t breaker_next(const struct breaker *breaker, uint64_t now_us);

/* A request goes out, not before breaker_next(). Returns true if it is the probe. */
bool breaker_start_request(struct breaker *breaker);

/* The probe was cancelled, or says nothing about the API: another may go out at once. */
void breaker_cancel_probe(struct breaker *breaker);

/* A read succeeded: closes, and what earlier witnesses said no longer counts. */
void breaker_note_success(struct breaker *breaker);

/*
 * A witness failed while closed. Returns true if it is the second one in this class; the caller then decides
 * whether to open.
 */
bool breaker_note_witness(struct breaker *breaker, enum failure failure, uint64_t now_us);

/*
 * Opens, with a first probe after 2 s (FAILURE_REFUSED: 10 s), or after `interval_us` if that is shorter and
 * the failure is another one. Must be closed.
 */
void breaker_open(struct breaker *breaker, enum failure failure, uint64_t now_us, uint64_t interval_us,
                  uint64_t random);

/*
 * The probe failed. The next one follows after twice the interval, up to `interval_us`, the shortest poll
 * interval (FAILURE_REFUSED: 5 min).
 */
void breaker_note_failed_probe(struct breaker *breaker, enum failure failure, uint64_t now_us,
                               uint64_t interval_us, uint64_t random);

/* Something was changed that may have ended the outage: the next probe may go out at once. */
void breaker_hurry(struct breaker *breaker, uint64_t now_us);
