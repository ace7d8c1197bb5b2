/* SPDX-License-Identifier: MIT */

/* The wall clock, and the clock of the process. */

#include "platform/clock.h"

#include <pthread.h>
#include <time.h>

#include "util/timespan.h"

static uint64_t clock_us(clockid_t clock)
{
        struct timespec now;

        (void)clock_gettime(clock, &now);
        return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_wall_us(void)
{
        return clock_us(CLOCK_REALTIME);
}

uint64_t clock_boot_us(void)
{
        return clock_us(CLOCK_BOOTTIME);
}

/* The wall clock minus CLOCK_BOOTTIME at the first call; may wrap, and then so does the sum. */
static uint64_t process_offset_us;

static void process_offset_set(void)
{
        process_offset_us = clock_us(CLOCK_REALTIME) - clock_us(CLOCK_BOOTTIME);
}

uint64_t clock_process_us(void)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;

        (void)pthread_once(&once, process_offset_set);
        return process_offset_us + clock_us(CLOCK_BOOTTIME);
}
