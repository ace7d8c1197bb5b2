/* SPDX-License-Identifier: MIT */

/* Delays after failures: of polls, and of deliveries to hooks. */

#include "planning/backoff.h"

#include <stddef.h>

#define POLL_BACKOFF_MAX_US   (5 * USEC_PER_MIN)
#define DELIVERY_DELAY_MAX_US (70 * USEC_PER_MIN) /* 1 h and a tenth, and a little more */

static uint64_t limit_retry_after(uint64_t retry_after_us)
{
        return retry_after_us < RETRY_AFTER_MAX_US ? retry_after_us : RETRY_AFTER_MAX_US;
}

uint64_t poll_backoff(unsigned failures, uint64_t pace_us, uint64_t retry_after_us, uint64_t random)
{
        uint64_t longest_us = pace_us;

        for (unsigned i = 0; i < failures && longest_us < POLL_BACKOFF_MAX_US; i++)
                longest_us *= 2;
        if (longest_us > POLL_BACKOFF_MAX_US)
                longest_us = POLL_BACKOFF_MAX_US;

        uint64_t span_us = longest_us / 2 + random % (longest_us / 2 + 1);
        if (span_us < pace_us)
                span_us = pace_us;
        retry_after_us = limit_retry_after(retry_after_us);
        return span_us > retry_after_us ? span_us : retry_after_us;
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
        retry_after_us = limit_retry_after(retry_after_us);
        return retry_after_us > delay_us ? retry_after_us : delay_us;
}

uint64_t delivery_due(uint64_t next_us, uint64_t delay_us, uint64_t now_us)
{
        if (delay_us == 0 || delay_us > DELIVERY_DELAY_MAX_US)
                delay_us = DELIVERY_DELAY_MAX_US;
        return next_us > now_us && next_us - now_us > delay_us ? now_us + delay_us : next_us;
}
