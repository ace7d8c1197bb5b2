/* SPDX-License-Identifier: MIT */

/* Exponential backoff for requests, fixed steps for deliveries; both with jitter. */

#include "planning/backoff.h"

#include <stddef.h>

uint64_t backoff_delay(unsigned failures, uint64_t base_us, uint64_t cap_us, uint64_t random)
{
        uint64_t maximum = base_us;

        for (unsigned i = 1; i < failures && maximum < cap_us; i++)
                maximum = maximum > cap_us / 2 ? cap_us : maximum * 2; /* without overflow */
        if (maximum > cap_us)
                maximum = cap_us;

        uint64_t minimum = base_us / 4 < maximum ? base_us / 4 : maximum;
        uint64_t range = maximum - minimum;
        return minimum + (range < UINT64_MAX ? random % (range + 1) : random);
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
