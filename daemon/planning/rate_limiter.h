/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * How often the API may be asked. Pure: times are microseconds of one clock that never goes back.
 *
 * Source of the limits: Nexudus, "API limits": 1 request in 100 ms, 120 a minute, 5,000 an hour, 200,000 a
 * day. They hold for any stretch of that length, not only for calendar minutes and hours.
 */

struct rate_limiter_limits {
        uint64_t min_spacing_us; /* 0 in each: no such limit */
        unsigned per_minute;
        unsigned per_hour;
        unsigned per_day;
};

/* What a request is for. Later uses may spend what is reserved from earlier ones. */
enum rate_limiter_use {
        RATE_LIMITER_POLL,
        RATE_LIMITER_CONFIRM, /* confirmations, parts of failed batches, checks, probes */
        RATE_LIMITER_SIGN_IN, /* without which nothing else is answered */
};

#define RATE_LIMITER_BUCKETS 4

/* One limit as a bucket that gains one request every `step_us`, up to `burst`. */
struct rate_limiter_bucket {
        uint64_t step_us; /* 0: no limit */
        unsigned burst;
        unsigned reserve; /* of `burst`, for what is more urgent than polls */
        uint64_t full_us; /* when it will be full again */
        uint64_t poll_us; /* while it fills for the first time: no poll before */
        bool filling;     /* it was empty at the start and has not been full since */
};

/* The stretches for which requests are counted, for people. */
enum rate_limiter_window {
        RATE_LIMITER_MINUTE,
        RATE_LIMITER_HOUR,
        RATE_LIMITER_DAY,
};

#define RATE_LIMITER_WINDOWS (RATE_LIMITER_DAY + 1)

/* Requests of one window: counted by its sixtieth parts. */
#define RATE_LIMITER_PARTS 60

struct rate_limiter_count {
        uint64_t part; /* the number of the current one */
        unsigned counts[RATE_LIMITER_PARTS];
};

struct rate_limiter {
        struct rate_limiter_bucket buckets[RATE_LIMITER_BUCKETS];
        struct rate_limiter_count windows[RATE_LIMITER_WINDOWS];
};

/* Full buckets: nothing was requested for as long as the longest limit. */
void rate_limiter_init(struct rate_limiter *rate_limiter, const struct rate_limiter_limits *limits);

/*
 * Empty buckets: what was requested before is not known. While a bucket fills for the first time nothing is
 * reserved, and polls may spend every second request that it gains; so the first one waits for a step and not
 * for the reserve.
 */
void rate_limiter_empty(struct rate_limiter *rate_limiter, uint64_t now_us);

/* Takes over other limits. What was spent stays spent, as far as the new limits can show it. */
void rate_limiter_set_limits(struct rate_limiter *rate_limiter, const struct rate_limiter_limits *limits,
                             uint64_t now_us);

/* The earliest time at which a request for this use may start; now_us if it may start now. */
uint64_t rate_limiter_next(const struct rate_limiter *rate_limiter, enum rate_limiter_use use,
                           uint64_t now_us);

/* A request starts now. */
void rate_limiter_spend(struct rate_limiter *rate_limiter, enum rate_limiter_use use, uint64_t now_us);

/* A request that was spent earlier is sent only now: the next one keeps its distance from that. */
void rate_limiter_note_sent(struct rate_limiter *rate_limiter, uint64_t now_us);

/* How many requests were made in the last minute, hour or day, to within a sixtieth of it. */
unsigned rate_limiter_spent(const struct rate_limiter *rate_limiter, enum rate_limiter_window window,
                            uint64_t now_us);

/* The distance between two polls in the long run; 0 without limits. */
uint64_t rate_limiter_emission_interval(const struct rate_limiter *rate_limiter);
