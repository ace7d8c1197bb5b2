/* SPDX-License-Identifier: MIT */

/* The wall clock, the clock of the process, and the boot id. */

#include "platform/clock.h"

#include <pthread.h>
#include <string.h>
#include <systemd/sd-id128.h>
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

bool clock_boot_id(unsigned char ret_id[static BOOT_ID_SIZE])
{
        sd_id128_t boot = SD_ID128_NULL;
        bool known = sd_id128_get_boot(&boot) >= 0;

        memcpy(ret_id, boot.bytes, BOOT_ID_SIZE);
        return known;
}
