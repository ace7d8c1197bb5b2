/* SPDX-License-Identifier: MIT */

/* The wall clock. */

#include "platform/clock.h"

#include <time.h>

#include "util/timespan.h"

uint64_t clock_wall_us(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_REALTIME, &now);
        return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}
