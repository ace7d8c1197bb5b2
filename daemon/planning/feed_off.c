/* SPDX-License-Identifier: MIT */

/* Failures of the feed. One that only looks well for a while must not be believed again each hour. */

#include "planning/feed_off.h"

#include <stdio.h>

#include "util/timespan.h"

#define LONGEST_US USEC_PER_DAY

static uint64_t span_after(unsigned failures)
{
        uint64_t span_us = USEC_PER_HOUR;

        for (unsigned i = 1; i < failures && span_us < LONGEST_US; i++)
                span_us *= 2;
        return span_us < LONGEST_US ? span_us : LONGEST_US;
}

static void turn_off(struct feed_off *off, const char *reason, uint64_t until_us)
{
        (void)snprintf(off->reason, sizeof(off->reason), "%s", reason);
        off->until_us = until_us;
}

void feed_off_fail(struct feed_off *off, const char *reason, uint64_t now_us)
{
        off->failures++;
        turn_off(off, reason, now_us + span_after(off->failures));
}

void feed_off_pause(struct feed_off *off, const char *reason, uint64_t now_us)
{
        turn_off(off, reason, now_us + USEC_PER_HOUR);
}

void feed_off_note_success(struct feed_off *off, uint64_t now_us)
{
        if (now_us >= off->until_us + span_after(off->failures))
                off->failures = 0;
}
