/* SPDX-License-Identifier: MIT */

/*
 * Each limit of L requests in any stretch W is a bucket of B requests that refills at L − B a stretch: a full
 * bucket allows B at once, and gains at most L − B before the stretch is over, so no stretch of length W ever
 * holds more than L. This takes one number a limit, and spreads requests evenly over the stretch.
 *
 * The number is the time at which the bucket will be full: a request moves it on by one step, and is allowed
 * while it is at most B − 1 steps away (the generic cell rate algorithm). Polls stop some steps earlier: that
 * is the reserve for what is more urgent.
 */

#include "planning/rate_limiter.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "util/timespan.h"

/* By how much the way to the API may differ from one request to the next. */
#define JITTER_US (20 * USEC_PER_MSEC)

/* How much of a limit may be used at once. A larger share is a faster start and a slower steady pace. */
static unsigned burst_of(unsigned limit, unsigned share)
{
        unsigned burst = limit / share;

        return burst > 0 ? burst : 1;
}

static void bucket_set(struct rate_limiter_bucket *bucket, uint64_t stretch_us, unsigned limit,
                       unsigned share)
{
        if (limit == 0) {
                bucket->step_us = 0;
                return;
        }
        unsigned burst = burst_of(limit, share);
        unsigned steps = limit > burst ? limit - burst : 1;

        bucket->burst = burst;
        bucket->reserve = burst / 4;
        bucket->step_us = stretch_us / steps + 1; /* rounded up: never a request too many */
}

static void set_limits(struct rate_limiter *rate_limiter, const struct rate_limiter_limits *limits)
{
        uint64_t spacing_us = limits->min_spacing_us;

        /* Two requests may arrive closer together than they were sent. */
        uint64_t jitter_us = time_earlier(spacing_us / 5, JITTER_US);

        bucket_set(&rate_limiter->buckets[0], spacing_us + jitter_us, spacing_us > 0 ? 1 : 0, 1);
        bucket_set(&rate_limiter->buckets[1], USEC_PER_MIN, limits->per_minute, 6);
        bucket_set(&rate_limiter->buckets[2], USEC_PER_HOUR, limits->per_hour, 40);
        bucket_set(&rate_limiter->buckets[3], USEC_PER_DAY, limits->per_day, 100);
}

void rate_limiter_init(struct rate_limiter *rate_limiter, const struct rate_limiter_limits *limits)
{
        memset(rate_limiter, 0, sizeof(*rate_limiter));
        set_limits(rate_limiter, limits);
}

static uint64_t bucket_empty_us(const struct rate_limiter_bucket *bucket, uint64_t now_us)
{
        return now_us + bucket->burst * bucket->step_us;
}

void rate_limiter_empty(struct rate_limiter *rate_limiter, uint64_t now_us)
{
        for (size_t i = 0; i < RATE_LIMITER_BUCKETS; i++) {
                struct rate_limiter_bucket *bucket = &rate_limiter->buckets[i];

                bucket->full_us = bucket_empty_us(bucket, now_us);
                bucket->poll_us = 0;
                bucket->filling = true;
        }
}

void rate_limiter_set_limits(struct rate_limiter *rate_limiter, const struct rate_limiter_limits *limits,
                             uint64_t now_us)
{
        set_limits(rate_limiter, limits);
        for (size_t i = 0; i < RATE_LIMITER_BUCKETS; i++) {
                struct rate_limiter_bucket *bucket = &rate_limiter->buckets[i];
                uint64_t most_us = bucket_empty_us(bucket, now_us);

                if (bucket->full_us > most_us)
                        bucket->full_us = most_us;
        }
}

static uint64_t bucket_next(const struct rate_limiter_bucket *bucket, enum rate_limiter_use use,
                            uint64_t now_us)
{
        bool filling = bucket->filling && bucket->full_us > now_us;
        unsigned reserve = 0;

        switch (use) {
        case RATE_LIMITER_POLL:
                reserve = bucket->reserve;
                break;
        case RATE_LIMITER_CONFIRM:
                reserve = bucket->reserve / 4;
                break;
        case RATE_LIMITER_SIGN_IN:
                break;
        }
        if (filling)
                reserve = 0;

        uint64_t tolerance_us = (uint64_t)(bucket->burst - 1 - reserve) * bucket->step_us;
        uint64_t next_us = bucket->full_us > tolerance_us ? bucket->full_us - tolerance_us : 0;
        if (!filling || use != RATE_LIMITER_POLL)
                return next_us;

        /* Once it is full it no longer counts how it was filled. */
        uint64_t poll_us = bucket->poll_us < bucket->full_us ? bucket->poll_us : bucket->full_us;
        return poll_us > next_us ? poll_us : next_us;
}

uint64_t rate_limiter_next(const struct rate_limiter *rate_limiter, enum rate_limiter_use use,
                           uint64_t now_us)
{
        uint64_t next_us = now_us;

        for (size_t i = 0; i < RATE_LIMITER_BUCKETS; i++) {
                const struct rate_limiter_bucket *bucket = &rate_limiter->buckets[i];

                if (bucket->step_us > 0 && bucket_next(bucket, use, now_us) > next_us)
                        next_us = bucket_next(bucket, use, now_us);
        }
        return next_us;
}

static uint64_t part_at(enum rate_limiter_window window, uint64_t now_us)
{
        static const uint64_t stretches_us[] = {
                [RATE_LIMITER_MINUTE] = USEC_PER_MIN,
                [RATE_LIMITER_HOUR] = USEC_PER_HOUR,
                [RATE_LIMITER_DAY] = USEC_PER_DAY,
        };

        return now_us / (stretches_us[window] / RATE_LIMITER_PARTS);
}

/* A request is made in this part; those since the last one had none. */
static void count_add(struct rate_limiter_count *count, uint64_t part)
{
        assert(part >= count->part);
        if (part >= count->part + RATE_LIMITER_PARTS)
                memset(count->counts, 0, sizeof(count->counts));
        else
                for (uint64_t p = count->part + 1; p <= part; p++)
                        count->counts[p % RATE_LIMITER_PARTS] = 0;
        count->part = part;
        count->counts[part % RATE_LIMITER_PARTS]++;
}

void rate_limiter_spend(struct rate_limiter *rate_limiter, enum rate_limiter_use use, uint64_t now_us)
{
        for (size_t i = 0; i < RATE_LIMITER_BUCKETS; i++) {
                struct rate_limiter_bucket *bucket = &rate_limiter->buckets[i];

                if (bucket->full_us <= now_us)
                        bucket->filling = false;
                if (use == RATE_LIMITER_POLL)
                        bucket->poll_us = now_us + 2 * bucket->step_us;
                bucket->full_us = (bucket->full_us > now_us ? bucket->full_us : now_us) + bucket->step_us;
        }
        for (unsigned window = 0; window < RATE_LIMITER_WINDOWS; window++)
                count_add(&rate_limiter->windows[window], part_at(window, now_us));
}

void rate_limiter_note_sent(struct rate_limiter *rate_limiter, uint64_t now_us)
{
        struct rate_limiter_bucket *spacing = &rate_limiter->buckets[0];

        if (now_us + spacing->step_us > spacing->full_us)
                spacing->full_us = now_us + spacing->step_us;
}

unsigned rate_limiter_spent(const struct rate_limiter *rate_limiter, enum rate_limiter_window window,
                            uint64_t now_us)
{
        const struct rate_limiter_count *count = &rate_limiter->windows[window];
        uint64_t part = part_at(window, now_us);
        unsigned spent = 0;

        for (unsigned back = 0; back < RATE_LIMITER_PARTS && back <= count->part; back++)
                if (count->part - back + RATE_LIMITER_PARTS > part)
                        spent += count->counts[(count->part - back) % RATE_LIMITER_PARTS];
        return spent;
}

uint64_t rate_limiter_emission_interval(const struct rate_limiter *rate_limiter)
{
        uint64_t span_us = 0;

        for (size_t i = 0; i < RATE_LIMITER_BUCKETS; i++)
                if (rate_limiter->buckets[i].step_us > span_us)
                        span_us = rate_limiter->buckets[i].step_us;
        return span_us;
}
