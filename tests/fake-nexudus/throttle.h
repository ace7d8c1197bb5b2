/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A sliding window: `limit` requests within its length. The ring has the times of the last `limit` accepted
 * requests.
 */
struct throttle_window {
        uint64_t span; /* µs */
        uint64_t limit;
        uint64_t *times;
        size_t head, count;
};

enum {
        THROTTLE_SPACING,
        THROTTLE_MINUTE,
        THROTTLE_HOUR,
        THROTTLE_DAY,
        THROTTLE_WRITE_MINUTE,
        THROTTLE_WRITE_DAY,
        THROTTLE_COUNT
};

struct throttle {
        struct throttle_window windows[THROTTLE_COUNT];
};

/* The limits; 0: no limit. time_scale shortens the windows, but not the spacing. */
struct throttle_limits {
        uint64_t min_spacing; /* µs between two requests */
        uint64_t per_minute, per_hour, per_day;
        uint64_t writes_per_minute, writes_per_day;
        double time_scale;
};

/* Sets the limits and resets all windows. Returns 0 or -ENOMEM. */
int throttle_set(struct throttle *throttle, const struct throttle_limits *limits);

/*
 * Whether a request is accepted now. Only accepted requests count. On rejection, returns the µs until one
 * would be accepted.
 */
bool throttle_accept(struct throttle *throttle, bool writes, uint64_t now, uint64_t *ret_wait);

void throttle_release(struct throttle *throttle);
