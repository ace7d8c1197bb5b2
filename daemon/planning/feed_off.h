/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * For how long the feed is off after a failure: 1 h, 2 h, 4 h ... up to a day. When it has worked as long as
 * it was off, the next time is an hour again. Times are CLOCK_BOOTTIME in microseconds.
 */
struct feed_off {
        uint64_t until_us;
        unsigned failures; /* that count */
        char reason[96];   /* of the last time; "" if there was none */
};

/* The feed has failed. A reason that is too long is cut. */
void feed_off_fail(struct feed_off *off, const char *reason, uint64_t now_us);

/* It is off for an hour, which does not count as a failure. */
void feed_off_pause(struct feed_off *off, const char *reason, uint64_t now_us);

/* It works at this time. */
void feed_off_note_success(struct feed_off *off, uint64_t now_us);
