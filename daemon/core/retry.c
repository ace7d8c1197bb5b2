/* SPDX-License-Identifier: MIT */

/*
 * Patience. A refusal of one request is taken for one of the whole API, which then gets a single probe at
 * growing distances until it answers again:
 *
 *      well --failed--> troubled --resume time--> probing --failed--> troubled (further apart)
 *        ^                                           |
 *        +------------------succeeded----------------+
 */

#include "core/retry.h"

#include <stddef.h>

#define PROBE_BASE_US        (2 * USEC_PER_SEC)
#define UNAUTHORIZED_BASE_US (1 * USEC_PER_MIN)
#define UNAUTHORIZED_CAP_US  (5 * USEC_PER_MIN)
#define RETRY_AFTER_MAX_US   (1 * USEC_PER_HOUR)

uint64_t backoff_span(unsigned failures, uint64_t base_us, uint64_t cap_us, uint64_t random)
{
        uint64_t ceiling = base_us;

        for (unsigned i = 1; i < failures && ceiling < cap_us; i++)
                ceiling = ceiling > cap_us / 2 ? cap_us : ceiling * 2; /* never beyond what a number holds */
        if (ceiling > cap_us)
                ceiling = cap_us;

        uint64_t floor = base_us / 4 < ceiling ? base_us / 4 : ceiling;
        uint64_t range = ceiling - floor;
        return floor + (range < UINT64_MAX ? random % (range + 1) : random);
}

uint64_t delivery_delay(unsigned made, uint64_t retry_after_us, uint64_t random)
{
        static const uint64_t delays_us[] = {
                5 * USEC_PER_SEC,  30 * USEC_PER_SEC, 2 * USEC_PER_MIN,
                10 * USEC_PER_MIN, 30 * USEC_PER_MIN, 1 * USEC_PER_HOUR,
        };
        size_t last = sizeof(delays_us) / sizeof(delays_us[0]) - 1;
        uint64_t delay_us = delays_us[made == 0 ? 0 : made - 1 < last ? made - 1 : last];

        delay_us += random % (delay_us / 10 + 1);
        if (retry_after_us > RETRY_AFTER_MAX_US)
                retry_after_us = RETRY_AFTER_MAX_US;
        return retry_after_us > delay_us ? retry_after_us : delay_us;
}

uint64_t health_next(const struct health *health, uint64_t now_us)
{
        if (health->trouble == HEALTH_WELL)
                return health->asked_us > now_us ? health->asked_us : now_us;
        return health->probing ? USEC_NEVER : health->resume_us;
}

void health_started(struct health *health)
{
        health->probing = health->trouble != HEALTH_WELL;
}

void health_cancelled(struct health *health, bool probe)
{
        if (probe)
                health->probing = false;
}

bool health_succeeded(struct health *health, bool probe, uint64_t now_us, uint64_t *ret_lasted_us)
{
        if (health->trouble == HEALTH_WELL || !probe)
                return false;

        *ret_lasted_us = now_us - health->since_us;
        *health = (struct health){ .asked_us = health->asked_us };
        return true;
}

static uint64_t pause_span(enum health_trouble trouble, unsigned failures, uint64_t cap_us, uint64_t random)
{
        if (trouble == HEALTH_UNAUTHORIZED)
                return backoff_span(failures, UNAUTHORIZED_BASE_US, UNAUTHORIZED_CAP_US, random);
        return backoff_span(failures, PROBE_BASE_US, cap_us, random);
}

bool health_failed(struct health *health, enum health_trouble trouble, bool probe, uint64_t now_us,
                   uint64_t retry_after_us, uint64_t cap_us, uint64_t random)
{
        bool is_new = health->trouble != trouble;
        bool straggler = health->trouble != HEALTH_WELL && !probe;

        if (health->trouble == HEALTH_WELL)
                health->since_us = now_us;
        if (!straggler)
                health->failures++;
        health->trouble = trouble;
        if (probe)
                health->probing = false;

        /* What the server asks for is a lower bound, but it must not be able to silence us for ever. */
        if (retry_after_us > RETRY_AFTER_MAX_US)
                retry_after_us = RETRY_AFTER_MAX_US;
        if (retry_after_us > 0 && now_us + retry_after_us > health->asked_us)
                health->asked_us = now_us + retry_after_us;

        uint64_t resume_us = now_us + pause_span(trouble, health->failures, cap_us, random);
        if (resume_us < health->asked_us)
                resume_us = health->asked_us;
        if (!straggler || resume_us > health->resume_us)
                health->resume_us = resume_us;
        return is_new;
}
