/* SPDX-License-Identifier: MIT */

/*
 * The documented limits as exact sliding windows. A window of N requests is full if the Nth last request is
 * younger than the length of the window, so a ring of N times suffices. The spacing is a window of one.
 */

#include "throttle.h"

#include <errno.h>
#include <stdlib.h>

int throttle_set(struct throttle *throttle, const struct throttle_limits *limits)
{
        static const uint64_t minute = UINT64_C(60000000);
        const struct {
                uint64_t span, limit;
        } rows[THROTTLE_COUNT] = {
                [THROTTLE_SPACING] = { limits->min_spacing, limits->min_spacing > 0 ? 1 : 0 },
                [THROTTLE_MINUTE] = { minute, limits->per_minute },
                [THROTTLE_HOUR] = { 60 * minute, limits->per_hour },
                [THROTTLE_DAY] = { 24 * 60 * minute, limits->per_day },
                [THROTTLE_WRITE_MINUTE] = { minute, limits->writes_per_minute },
                [THROTTLE_WRITE_DAY] = { 24 * 60 * minute, limits->writes_per_day },
        };

        throttle_release(throttle);
        for (size_t i = 0; i < THROTTLE_COUNT; i++) {
                struct throttle_window *window = &throttle->windows[i];
                if (rows[i].limit == 0)
                        continue;
                window->times = calloc(rows[i].limit, sizeof *window->times);
                if (!window->times)
                        return -ENOMEM;
                window->limit = rows[i].limit;
                window->span = rows[i].span;
                if (i != THROTTLE_SPACING)
                        window->span = (uint64_t)((double)rows[i].span / limits->time_scale);
        }
        return 0;
}

static bool concerns(size_t which, bool writes)
{
        return writes || which < THROTTLE_WRITE_MINUTE;
}

bool throttle_accept(struct throttle *throttle, bool writes, uint64_t now, uint64_t *ret_wait)
{
        uint64_t wait = 0;

        for (size_t i = 0; i < THROTTLE_COUNT; i++) {
                const struct throttle_window *window = &throttle->windows[i];
                if (window->limit == 0 || window->count < window->limit || !concerns(i, writes))
                        continue;
                uint64_t free_at = window->times[window->head] + window->span;
                if (free_at > now && free_at - now > wait)
                        wait = free_at - now;
        }
        if (wait > 0) {
                *ret_wait = wait;
                return false;
        }
        for (size_t i = 0; i < THROTTLE_COUNT; i++) {
                struct throttle_window *window = &throttle->windows[i];
                if (window->limit == 0 || !concerns(i, writes))
                        continue;
                window->times[window->head] = now;
                window->head = (window->head + 1) % window->limit;
                if (window->count < window->limit)
                        window->count++;
        }
        return true;
}

void throttle_release(struct throttle *throttle)
{
        for (size_t i = 0; i < THROTTLE_COUNT; i++)
                free(throttle->windows[i].times);
        *throttle = (struct throttle){ 0 };
}
