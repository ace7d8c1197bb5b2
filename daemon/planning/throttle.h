/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * What the API asks for when it throttles: a pause, and a lower rate. A response without Retry-After pauses
 * for 2 s, doubled each time in a row up to 1 min, and halves the rate, down to a sixteenth; the rate
 * recovers by a tenth a minute. Those of requests that were sent before a pause count once. Pure: `now_us` is
 * CLOCK_BOOTTIME in microseconds.
 *
 * A subject (a job, the jobs of a batch, or the sign-in) that keeps being throttled while others are answered
 * must not pause the others. So the subject that was throttled last is remembered by a mark, a number that
 * each pause makes anew: a job that carries it was part of that subject.
 */
struct throttle {
        uint64_t pause_until_us;  /* no request before; 0: none */
        unsigned unnamed;         /* throttled responses without Retry-After in a row */
        unsigned rate_permille;   /* of the usual rate, as of rate_us */
        uint64_t rate_us;         /* of the last response that halved it */
        uint64_t request_us;      /* of the last request */
        uint32_t mark;            /* of the subject that was throttled last; 0: none yet */
        bool others_answered;     /* another subject was answered since */
        bool throttled_job_waits; /* that subject must not be the first after the pause */
};

#define THROTTLE_INITIAL ((struct throttle){ .rate_permille = 1000 })

/*
 * A throttled response. `retry_after_us` is what it names (0: nothing), at most RETRY_AFTER_MAX_US counts.
 * The caller gives the jobs of the request the new mark.
 */
void throttle_note_throttled(struct throttle *throttle, uint64_t retry_after_us, uint64_t now_us);

/* Any other response. `marked`: of the subject that was throttled last, whose mark ends with it. */
void throttle_note_answered(struct throttle *throttle, bool marked);

/* A request goes out. */
void throttle_note_request(struct throttle *throttle, uint64_t now_us);

/* When the next request may go out, where the usual distance between two is `emission_us`. */
uint64_t throttle_next(const struct throttle *throttle, uint64_t emission_us, uint64_t now_us);
