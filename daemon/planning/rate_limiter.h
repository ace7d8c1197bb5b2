/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * How often the API may be asked. Pure: times are microseconds of one clock that never goes back, chosen by
 * the caller.
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

/* What a request is for. Later ones may use what is kept back from earlier ones. */
enum rate_limiter_use {
        RATE_LIMITER_POLL,    /* a look at jobs */
        RATE_LIMITER_CONFIRM, /* a closer look at a job that seems to have changed, or a probe of the API */
        RATE_LIMITER_SIGN_IN, /* without which nothing else is answered */
};

#define RATE_LIMITER_BUCKETS 4

/* One limit as a bucket that fills by one request every `step_us` up to `burst`. */
struct rate_limiter_bucket {
        uint64_t step_us; /* 0: no limit */
        unsigned burst;
        unsigned kept;    /* of `burst`, for what is more urgent than polls */
        uint64_t full_us; /* when it will be full again */
};

/* Requests of the last hour, for people: counted by the minute. */
#define RATE_LIMITER_MINUTES 60

struct rate_limiter {
        struct rate_limiter_bucket buckets[RATE_LIMITER_BUCKETS];
        uint64_t minute; /* the number of the current minute */
        unsigned counts[RATE_LIMITER_MINUTES];
};

void rate_limiter_init(struct rate_limiter *rate_limiter, const struct rate_limiter_limits *limits);

/* Takes over other limits, keeping what has been spent. */
void rate_limiter_set_limits(struct rate_limiter *rate_limiter, const struct rate_limiter_limits *limits);

/* The earliest time at which a request for this use may start; now_us or before if it may start now. */
uint64_t rate_limiter_next(const struct rate_limiter *rate_limiter, enum rate_limiter_use use,
                           uint64_t now_us);

/* A request starts now, whatever it is for. */
void rate_limiter_spend(struct rate_limiter *rate_limiter, uint64_t now_us);

/* A request that was spent earlier goes out only now: the next one keeps its distance from that. */
void rate_limiter_note_sent(struct rate_limiter *rate_limiter, uint64_t now_us);

/* How many requests were made in the last hour, to within a minute. */
unsigned rate_limiter_spent_hour(const struct rate_limiter *rate_limiter, uint64_t now_us);

/* The span that polls in a row are apart in the long run. */
uint64_t rate_limiter_emission_interval(const struct rate_limiter *rate_limiter);

/*
 * What survives a restart: for each bucket how far it is from full, as a span, and how many more requests are
 * to be counted, so that it can be stored once for several of them and still never be too small. Those do not
 * grow old with the rest: nobody knows when they were made.
 */
struct rate_limiter_deficit {
        uint64_t spans_us[RATE_LIMITER_BUCKETS];
        uint64_t ahead;
};

struct rate_limiter_deficit rate_limiter_deficit(const struct rate_limiter *rate_limiter, unsigned ahead,
                                                 uint64_t now_us);

/* Takes over a debt that was stored `age_us` ago. */
void rate_limiter_restore(struct rate_limiter *rate_limiter, const struct rate_limiter_deficit *deficit,
                          uint64_t age_us, uint64_t now_us);
