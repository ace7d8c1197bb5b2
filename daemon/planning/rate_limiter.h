/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Limits the rate of requests. Pure: times are microseconds of one monotonic clock, chosen by the caller.
 *
 * Source of the limits: Nexudus, "API limits": 1 request in 100 ms, 120 a minute, 5,000 an hour, 200,000 a
 * day. They hold for any window of that length, not only for calendar minutes and hours.
 */

struct rate_limiter_limits {
        uint64_t min_spacing_us; /* 0 in any of these: no such limit */
        unsigned per_minute;
        unsigned per_hour;
        unsigned per_day;
};

/* What a request is for. Later values may use the reserve that earlier ones leave. */
enum rate_limiter_use {
        RATE_LIMITER_POLL,    /* scheduled poll */
        RATE_LIMITER_CONFIRM, /* confirmation of a possible change, or probe of the API */
        RATE_LIMITER_SIGN_IN, /* sign-in: without it nothing else succeeds */
};

#define RATE_LIMITER_BUCKETS 4

/* One limit: a bucket of `burst` requests that is refilled by one every `step_us`. */
struct rate_limiter_bucket {
        uint64_t step_us; /* 0: no limit */
        unsigned burst;
        unsigned reserve; /* part of `burst` that polls leave to more urgent requests */
        uint64_t full_us; /* time at which it will be full */
};

/* Requests of the last hour for the status, counted per minute. */
#define RATE_LIMITER_MINUTES 60

struct rate_limiter {
        struct rate_limiter_bucket buckets[RATE_LIMITER_BUCKETS];
        uint64_t minute; /* number of the current minute */
        unsigned counts[RATE_LIMITER_MINUTES];
};

void rate_limiter_init(struct rate_limiter *rate_limiter, const struct rate_limiter_limits *limits);

/* Changes the limits and keeps what has been spent. */
void rate_limiter_set_limits(struct rate_limiter *rate_limiter, const struct rate_limiter_limits *limits);

/* The earliest time at which a request for this use may start; at most now_us if it may start now. */
uint64_t rate_limiter_next(const struct rate_limiter *rate_limiter, enum rate_limiter_use use,
                           uint64_t now_us);

/* A request starts now, for any use. */
void rate_limiter_spend(struct rate_limiter *rate_limiter, uint64_t now_us);

/* A request spent earlier is sent now: the spacing to the next one counts from here. */
void rate_limiter_note_sent(struct rate_limiter *rate_limiter, uint64_t now_us);

/* Requests in the last hour, to within a minute. */
unsigned rate_limiter_spent_hour(const struct rate_limiter *rate_limiter, uint64_t now_us);

/* The interval of polls in the long run (emission interval); 0 without limits. */
uint64_t rate_limiter_emission_interval(const struct rate_limiter *rate_limiter);

/*
 * What is reserve across a restart: for each bucket the time until it is full, and a number of requests
 * (`ahead`) to count in addition, so that one stored value covers several requests and is never too small.
 * The age of the value does not reduce `ahead`, since it is unknown when those requests were sent.
 */
struct rate_limiter_deficit {
        uint64_t spans_us[RATE_LIMITER_BUCKETS];
        uint64_t ahead;
};

struct rate_limiter_deficit rate_limiter_deficit(const struct rate_limiter *rate_limiter, unsigned ahead,
                                                 uint64_t now_us);

/* Restores a deficit that was stored `age_us` ago. Clamped to what the limits allow. */
void rate_limiter_restore(struct rate_limiter *rate_limiter, const struct rate_limiter_deficit *deficit,
                          uint64_t age_us, uint64_t now_us);
