/* SPDX-License-Identifier: MIT */

/* Pauses and a lower rate, after throttled responses. */

#include "planning/throttle.h"

#include "planning/backoff.h"
#include "util/timespan.h"

#define PAUSE_FIRST_US    (2 * USEC_PER_SEC)
#define PAUSE_MAX_US      (1 * USEC_PER_MIN)
#define RATE_FULL         1000
#define RATE_LEAST        (RATE_FULL / 16)
#define RATE_RECOVERY     (RATE_FULL / 10) /* a minute */
#define EMISSION_LEAST_US (100 * USEC_PER_MSEC)

static unsigned rate_now(const struct throttle *throttle, uint64_t now_us)
{
        uint64_t minutes = throttle->rate_us < now_us ? (now_us - throttle->rate_us) / USEC_PER_MIN : 0;

        if (minutes >= RATE_FULL / RATE_RECOVERY)
                return RATE_FULL;
        unsigned rate = throttle->rate_permille + (unsigned)minutes * RATE_RECOVERY;
        return rate < RATE_FULL ? rate : RATE_FULL;
}

static uint64_t pause_span(struct throttle *throttle, uint64_t retry_after_us, uint64_t now_us)
{
        if (retry_after_us > 0)
                return retry_after_us < RETRY_AFTER_MAX_US ? retry_after_us : RETRY_AFTER_MAX_US;

        unsigned rate = rate_now(throttle, now_us) / 2;
        throttle->rate_permille = rate > RATE_LEAST ? rate : RATE_LEAST;
        throttle->rate_us = now_us;

        uint64_t span_us = PAUSE_FIRST_US;
        for (unsigned i = 0; i < throttle->unnamed && span_us < PAUSE_MAX_US; i++)
                span_us *= 2;
        throttle->unnamed++;
        return span_us < PAUSE_MAX_US ? span_us : PAUSE_MAX_US;
}

void throttle_note_throttled(struct throttle *throttle, uint64_t retry_after_us, uint64_t now_us)
{
        /* During a pause this is the response to a request that was sent before it, for the same reason. */
        if (retry_after_us > 0 || throttle->pause_until_us <= now_us) {
                uint64_t until_us = now_us + pause_span(throttle, retry_after_us, now_us);

                if (until_us > throttle->pause_until_us)
                        throttle->pause_until_us = until_us;
        }
        throttle->mark++;
        throttle->others_answered = false;
        throttle->throttled_job_waits = true;
}

void throttle_note_answered(struct throttle *throttle, bool marked)
{
        throttle->unnamed = 0;
        if (marked)
                throttle->mark++; /* it is not always throttled */
        else
                throttle->others_answered = true;
}

void throttle_note_request(struct throttle *throttle, uint64_t now_us)
{
        throttle->request_us = now_us;
        throttle->throttled_job_waits = false;
}

/* When the rate is next higher than it is now. */
static uint64_t recovery_us(const struct throttle *throttle, uint64_t now_us)
{
        uint64_t minutes = throttle->rate_us < now_us ? (now_us - throttle->rate_us) / USEC_PER_MIN : 0;

        return throttle->rate_us + (minutes + 1) * USEC_PER_MIN;
}

uint64_t throttle_next(const struct throttle *throttle, uint64_t emission_us, uint64_t now_us)
{
        uint64_t next_us = throttle->pause_until_us > now_us ? throttle->pause_until_us : now_us;

        if (emission_us < EMISSION_LEAST_US)
                emission_us = EMISSION_LEAST_US;
        for (;;) {
                unsigned rate = rate_now(throttle, next_us);
                uint64_t spaced_us = throttle->request_us + emission_us * RATE_FULL / rate;
                uint64_t recovered_us = recovery_us(throttle, next_us);

                if (rate == RATE_FULL || spaced_us <= next_us)
                        return next_us;
                if (spaced_us <= recovered_us)
                        return spaced_us;
                next_us = recovered_us; /* the distance is shorter from then on */
        }
}
