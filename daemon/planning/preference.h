/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/timespan.h"

/*
 * When the preferred host, which stands by, asks the active one for a handover: when it has been well for a
 * minute, and then every minute. Times are of one clock.
 */

#define PREFERENCE_WAIT_US (1 * USEC_PER_MIN)

/* How many seconds longer than the preferred host the others wait for the lock. */
#define PREFERENCE_OTHERS_WAIT_S 10

struct preference {
        uint64_t since_us; /* it has been well, or has asked; 0: it is not well */
};

/* To be called now and then with how it is. Returns whether to ask now. */
bool preference_asks(struct preference *preference, bool is_well, uint64_t now_us);
