/* SPDX-License-Identifier: MIT */

/*
 * A limit of L requests in any window W is a bucket of B requests that is refilled by (L − B) per window: at
 * most B requests at once from a full bucket, and at most L − B more within W, so no window of length W ever
 * contains more than L. Unlike a list of the last 200,000 requests this is one number per limit, and it
 * spreads requests evenly instead of using up the hour in its first forty minutes.
 *
 * The number is the time at which the bucket will be full: a request advances it by one step and is allowed
 * while it is at most B − 1 steps ahead (generic cell rate algorithm). Polls stop some steps earlier and
 * leave a reserve for more urgent requests.
 */

#include "planning/rate_limiter.h"

#include <stddef.h>
#include <string.h>

#include "util/timespan.h"

/* Part of a limit that may be used at once. A larger burst means a faster start and a slower steady rate. */
static unsigned burst_size(unsigned limit, unsigned share)
{
        unsigned burst = limit / share;

        return burst > 0 ? burst : 1;
}

static void bucket_set(struct rate_limiter_bucket *bucket, uint64_t window_us, unsigned limit, unsigned share)
{
        if (limit == 0) {
                bucket->step_us = 0;
                return;
        }
        unsigned burst = burst_size(limit, share);
        unsigned steps = limit > burst ? limit - burst : 1;

        bucket->burst = burst;
        bucket->reserve = burst / 4;
        bucket->step_us = window_us / steps + 1; /* rounded up, so that the limit is never exceeded */
}

void rate_limiter_set_limits(struct rate_limiter *rate_limiter, const struct rate_limiter_limits *limits)
{
        uint64_t spacing_us = limits->min_spacing_us;

        /* Network delays change the spacing on arrival: add a twentieth. */
        bucket_set(&rate_limiter->buckets[0], spacing_us + spacing_us / 20, spacing_us > 0 ? 1 : 0, 1);
        bucket_set(&rate_limiter->buckets[1], USEC_PER_MIN, limits->per_minute, 6);
        bucket_set(&rate_limiter->buckets[2], USEC_PER_HOUR, limits->per_hour, 40);
        bucket_set(&rate_limiter->buckets[3], USEC_PER_DAY, limits->per_day, 100);
}

void rate_limiter_init(struct rate_limiter *rate_limiter, const struct rate_limiter_limits *limits)
{
        memset(rate_limiter, 0, sizeof(*rate_limiter));
        rate_limiter_set_limits(rate_limiter, limits);
}

static uint64_t bucket_next(const struct rate_limiter_bucket *bucket, enum rate_limiter_use use)
{
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

        uint64_t tolerance_us = (uint64_t)(bucket->burst - 1 - reserve) * bucket->step_us;
        return bucket->full_us > tolerance_us ? bucket->full_us - tolerance_us : 0;
}

uint64_t rate_limiter_next(const struct rate_limiter *rate_limiter, enum rate_limiter_use use,
                           uint64_t now_us)
{
        uint64_t next_us = now_us;

        for (size_t i = 0; i < RATE_LIMITER_BUCKETS; i++) {
                const struct rate_limiter_bucket *bucket = &rate_limiter->buckets[i];

                if (bucket->step_us > 0 && bucket_next(bucket, use) > next_us)
                        next_us = bucket_next(bucket, use);
        }
        return next_us;
}

/* Advances to the current minute and clears the minutes in between. */
static void minutes_advance(struct rate_limiter *rate_limiter, uint64_t now_us)
{
        uint64_t minute = now_us / USEC_PER_MIN;

        if (minute >= rate_limiter->minute + RATE_LIMITER_MINUTES)
                memset(rate_limiter->counts, 0, sizeof(rate_limiter->counts));
        else
                for (uint64_t m = rate_limiter->minute + 1; m <= minute; m++)
                        rate_limiter->counts[m % RATE_LIMITER_MINUTES] = 0;
        if (minute > rate_limiter->minute)
                rate_limiter->minute = minute;
}

void rate_limiter_spend(struct rate_limiter *rate_limiter, uint64_t now_us)
{
        for (size_t i = 0; i < RATE_LIMITER_BUCKETS; i++) {
                struct rate_limiter_bucket *bucket = &rate_limiter->buckets[i];

                bucket->full_us = (bucket->full_us > now_us ? bucket->full_us : now_us) + bucket->step_us;
        }
        minutes_advance(rate_limiter, now_us);
        rate_limiter->counts[rate_limiter->minute % RATE_LIMITER_MINUTES]++;
}

void rate_limiter_note_sent(struct rate_limiter *rate_limiter, uint64_t now_us)
{
        struct rate_limiter_bucket *spacing = &rate_limiter->buckets[0];

        if (now_us + spacing->step_us > spacing->full_us)
                spacing->full_us = now_us + spacing->step_us;
}

unsigned rate_limiter_spent_hour(const struct rate_limiter *rate_limiter, uint64_t now_us)
{
        uint64_t minute = now_us / USEC_PER_MIN;
        unsigned spent = 0;

        for (unsigned back = 0; back < RATE_LIMITER_MINUTES && back <= rate_limiter->minute; back++)
                if (rate_limiter->minute - back + RATE_LIMITER_MINUTES > minute)
                        spent += rate_limiter->counts[(rate_limiter->minute - back) % RATE_LIMITER_MINUTES];
        return spent;
}

uint64_t rate_limiter_emission_interval(const struct rate_limiter *rate_limiter)
{
        uint64_t interval_us = 0;

        for (size_t i = 0; i < RATE_LIMITER_BUCKETS; i++)
                if (rate_limiter->buckets[i].step_us > interval_us)
                        interval_us = rate_limiter->buckets[i].step_us;
        return interval_us;
}

struct rate_limiter_deficit rate_limiter_deficit(const struct rate_limiter *rate_limiter, unsigned ahead,
                                                 uint64_t now_us)
{
        struct rate_limiter_deficit deficit = { .ahead = ahead };

        for (size_t i = 0; i < RATE_LIMITER_BUCKETS; i++) {
                const struct rate_limiter_bucket *bucket = &rate_limiter->buckets[i];

                deficit.spans_us[i] = bucket->full_us > now_us ? bucket->full_us - now_us : 0;
        }
        return deficit;
}

void rate_limiter_restore(struct rate_limiter *rate_limiter, const struct rate_limiter_deficit *deficit,
                          uint64_t age_us, uint64_t now_us)
{
        for (size_t i = 0; i < RATE_LIMITER_BUCKETS; i++) {
                struct rate_limiter_bucket *bucket = &rate_limiter->buckets[i];
                /* clamped, whatever was stored */
                uint64_t limit_us = bucket->burst * bucket->step_us;
                uint64_t ahead_us =
                        deficit->ahead < bucket->burst ? deficit->ahead * bucket->step_us : limit_us;
                uint64_t deficit_us = deficit->spans_us[i] > age_us ? deficit->spans_us[i] - age_us : 0;

                bucket->full_us =
                        now_us + (deficit_us < limit_us - ahead_us ? deficit_us + ahead_us : limit_us);
        }
}
