/* SPDX-License-Identifier: MIT */

/* The wall clock and the boot id. */

#include "platform/clock.h"

#include <string.h>
#include <systemd/sd-id128.h>
#include <time.h>

#include "util/timespan.h"

uint64_t clock_wall_us(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_REALTIME, &now);
        return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

bool clock_boot_id(unsigned char ret_id[static BOOT_ID_SIZE])
{
        sd_id128_t boot = SD_ID128_NULL;
        bool known = sd_id128_get_boot(&boot) >= 0;

        memcpy(ret_id, boot.bytes, BOOT_ID_SIZE);
        return known;
}
