/* SPDX-License-Identifier: MIT */

/*
 *      closed --failed--> open --resume time--> half-open --failed--> open (longer delay)
 *        ^                                          |
 *        +----------------- succeeded --------------+
 */

#include "planning/breaker.h"

#include <assert.h>

#include "planning/backoff.h"
#include "util/timespan.h"

#define PROBE_BASE_US        (2 * USEC_PER_SEC)
#define UNAUTHORIZED_BASE_US (1 * USEC_PER_MIN)
#define UNAUTHORIZED_CAP_US  (5 * USEC_PER_MIN)

bool breaker_allows(const struct breaker *breaker, uint64_t now_us)
{
        uint64_t next_us = breaker_next(breaker, now_us);

        return next_us != USEC_NEVER && next_us <= now_us;
}

uint64_t breaker_next(const struct breaker *breaker, uint64_t now_us)
{
        if (breaker->outage == OUTAGE_NONE)
                return breaker->retry_after_until_us > now_us ? breaker->retry_after_until_us : now_us;
        return breaker->probing ? USEC_NEVER : breaker->resume_us;
}

void breaker_started(struct breaker *breaker)
{
        breaker->probing = breaker->outage != OUTAGE_NONE;
}

void breaker_cancelled(struct breaker *breaker, bool probe)
{
        if (probe)
                breaker->probing = false;
}

bool breaker_succeeded(struct breaker *breaker, bool probe, uint64_t now_us, uint64_t *ret_lasted_us)
{
        if (breaker->outage == OUTAGE_NONE || !probe)
                return false;

        *ret_lasted_us = now_us - breaker->since_us;
        *breaker = (struct breaker){ .retry_after_until_us = breaker->retry_after_until_us };
        return true;
}

static uint64_t retry_delay(enum outage outage, unsigned failures, uint64_t cap_us, uint64_t random)
{
        if (outage == OUTAGE_UNAUTHORIZED)
                return backoff_delay(failures, UNAUTHORIZED_BASE_US, UNAUTHORIZED_CAP_US, random);
        return backoff_delay(failures, PROBE_BASE_US, cap_us, random);
}

bool breaker_failed(struct breaker *breaker, enum outage outage, bool probe, uint64_t now_us,
                    uint64_t retry_after_us, uint64_t cap_us, uint64_t random)
{
        assert(outage != OUTAGE_NONE);
        bool is_new = breaker->outage != outage;
        bool late = breaker->outage != OUTAGE_NONE && !probe;

        if (breaker->outage == OUTAGE_NONE)
                breaker->since_us = now_us;
        if (!late)
                breaker->failures++;
        breaker->outage = outage;
        if (probe)
                breaker->probing = false;

        /* Retry-After is a lower bound, clamped so that it cannot stop the polling for good. */
        if (retry_after_us > RETRY_AFTER_MAX_US)
                retry_after_us = RETRY_AFTER_MAX_US;
        if (retry_after_us > 0 && now_us + retry_after_us > breaker->retry_after_until_us)
                breaker->retry_after_until_us = now_us + retry_after_us;

        uint64_t resume_us = now_us + retry_delay(outage, breaker->failures, cap_us, random);
        if (resume_us < breaker->retry_after_until_us)
                resume_us = breaker->retry_after_until_us;
        if (!late || resume_us > breaker->resume_us)
                breaker->resume_us = resume_us;
        return is_new;
}
