/* SPDX-License-Identifier: MIT */

/*
 * Each limit of L requests in any stretch W is kept by a bucket of B requests that refills at (L − B) a
 * stretch: of a full bucket, B can be made at once, and no more than L − B are added before the stretch is
 * over, so that no stretch of length W, wherever it begins, ever holds more than L. Unlike a list of the last
 * 200,000 requests this is one number a limit, and it spreads requests evenly instead of using up the hour in
 * its first forty minutes.
 *
 * The number is the time at which the bucket will be full: a request moves it on by one step, and is allowed
 * while it is at most B − 1 steps away (the generic cell rate algorithm). Polls stop some steps earlier, and
 * so leave room for what is more urgent.
 */

#include "core/governor.h"

#include <stddef.h>
#include <string.h>

#include "base/span.h"

/* How much of a limit may be used at once. A larger share is a faster start and a slower steady pace. */
static unsigned burst_of(unsigned limit, unsigned share)
{
        unsigned burst = limit / share;

        return burst > 0 ? burst : 1;
}

static void bucket_set(struct governor_bucket *bucket, uint64_t stretch_us, unsigned limit, unsigned share)
{
        if (limit == 0) {
                bucket->step_us = 0;
                return;
        }
        unsigned burst = burst_of(limit, share);
        unsigned steps = limit > burst ? limit - burst : 1;

        bucket->burst = burst;
        bucket->kept = burst / 4;
        bucket->step_us = stretch_us / steps + 1; /* rounded up: never a request too many */
}

void governor_set_limits(struct governor *governor, const struct governor_limits *limits)
{
        uint64_t spacing_us = limits->min_spacing_us;

        /*
         * Two requests do not arrive as far apart as they are sent: a twentieth more makes up for what
         * happens on the way.
         */
        bucket_set(&governor->buckets[0], spacing_us + spacing_us / 20, spacing_us > 0 ? 1 : 0, 1);
        bucket_set(&governor->buckets[1], USEC_PER_MIN, limits->per_minute, 6);
        bucket_set(&governor->buckets[2], USEC_PER_HOUR, limits->per_hour, 40);
        bucket_set(&governor->buckets[3], USEC_PER_DAY, limits->per_day, 100);
}

void governor_init(struct governor *governor, const struct governor_limits *limits)
{
        memset(governor, 0, sizeof(*governor));
        governor_set_limits(governor, limits);
}

static uint64_t bucket_next(const struct governor_bucket *bucket, enum governor_use use)
{
        unsigned kept = 0;

        switch (use) {
        case GOVERNOR_POLL:
                kept = bucket->kept;
                break;
        case GOVERNOR_CONFIRM:
                kept = bucket->kept / 4;
                break;
        case GOVERNOR_SIGN_IN:
                break;
        }

        uint64_t tolerance_us = (uint64_t)(bucket->burst - 1 - kept) * bucket->step_us;
        return bucket->full_us > tolerance_us ? bucket->full_us - tolerance_us : 0;
}

uint64_t governor_next(const struct governor *governor, enum governor_use use, uint64_t now_us)
{
        uint64_t next_us = now_us;

        for (size_t i = 0; i < GOVERNOR_BUCKETS; i++) {
                const struct governor_bucket *bucket = &governor->buckets[i];

                if (bucket->step_us > 0 && bucket_next(bucket, use) > next_us)
                        next_us = bucket_next(bucket, use);
        }
        return next_us;
}

/* Moves the minutes on; those that were passed over had no requests. */
static void minutes_advance(struct governor *governor, uint64_t now_us)
{
        uint64_t minute = now_us / USEC_PER_MIN;

        if (minute >= governor->minute + GOVERNOR_MINUTES)
                memset(governor->counts, 0, sizeof(governor->counts));
        else
                for (uint64_t m = governor->minute + 1; m <= minute; m++)
                        governor->counts[m % GOVERNOR_MINUTES] = 0;
        if (minute > governor->minute)
                governor->minute = minute;
}

void governor_spend(struct governor *governor, uint64_t now_us)
{
        for (size_t i = 0; i < GOVERNOR_BUCKETS; i++) {
                struct governor_bucket *bucket = &governor->buckets[i];

                bucket->full_us = (bucket->full_us > now_us ? bucket->full_us : now_us) + bucket->step_us;
        }
        minutes_advance(governor, now_us);
        governor->counts[governor->minute % GOVERNOR_MINUTES]++;
}

void governor_note_sent(struct governor *governor, uint64_t now_us)
{
        struct governor_bucket *spacing = &governor->buckets[0];

        if (now_us + spacing->step_us > spacing->full_us)
                spacing->full_us = now_us + spacing->step_us;
}

unsigned governor_spent_hour(const struct governor *governor, uint64_t now_us)
{
        uint64_t minute = now_us / USEC_PER_MIN;
        unsigned spent = 0;

        for (unsigned back = 0; back < GOVERNOR_MINUTES && back <= governor->minute; back++)
                if (governor->minute - back + GOVERNOR_MINUTES > minute)
                        spent += governor->counts[(governor->minute - back) % GOVERNOR_MINUTES];
        return spent;
}

uint64_t governor_steady_span(const struct governor *governor)
{
        uint64_t span_us = 0;

        for (size_t i = 0; i < GOVERNOR_BUCKETS; i++)
                if (governor->buckets[i].step_us > span_us)
                        span_us = governor->buckets[i].step_us;
        return span_us;
}

struct governor_debt governor_debt(const struct governor *governor, unsigned ahead, uint64_t now_us)
{
        struct governor_debt debt = { .ahead = ahead };

        for (size_t i = 0; i < GOVERNOR_BUCKETS; i++) {
                const struct governor_bucket *bucket = &governor->buckets[i];

                debt.spans_us[i] = bucket->full_us > now_us ? bucket->full_us - now_us : 0;
        }
        return debt;
}

void governor_restore(struct governor *governor, const struct governor_debt *debt, uint64_t age_us,
                      uint64_t now_us)
{
        for (size_t i = 0; i < GOVERNOR_BUCKETS; i++) {
                struct governor_bucket *bucket = &governor->buckets[i];
                /* More cannot be owed, whatever was stored. */
                uint64_t most_us = bucket->burst * bucket->step_us;
                uint64_t ahead_us = debt->ahead < bucket->burst ? debt->ahead * bucket->step_us : most_us;
                uint64_t span_us = debt->spans_us[i] > age_us ? debt->spans_us[i] - age_us : 0;

                bucket->full_us = now_us + (span_us < most_us - ahead_us ? span_us + ahead_us : most_us);
        }
}
