/* SPDX-License-Identifier: MIT */

/*
 * The deficit of the rate limiter in the state. Within one boot its age is measured by CLOCK_BOOTTIME,
 * otherwise by the wall clock; a wall clock that was set forward meanwhile is indistinguishable from a long
 * stop.
 */

#include "monitor/budget.h"

#include <stdlib.h>
#include <string.h>

#include "platform/clock.h"
#include "util/cleanup.h"
#include "util/timespan.h"

#define BUDGET_KEY "budget"

/* Requests covered by one write. A crash loses at most this many of the limits. */
#define COVERED_PER_WRITE 20

struct stored_budget {
        unsigned char boot_id[BOOT_ID_SIZE]; /* all zero: unknown */
        uint64_t boot_us;                    /* CLOCK_BOOTTIME of that boot */
        uint64_t wall_us;                    /* CLOCK_REALTIME */
        uint64_t pause_us;                   /* what remained of the Retry-After then */
        struct rate_limiter_deficit deficit;
};

static void store(struct budget *budget, unsigned ahead, uint64_t now_us)
{
        uint64_t pause_until_us = planner_breaker(budget->planner)->retry_after_until_us;
        struct stored_budget stored = {
                .boot_us = now_us,
                .wall_us = clock_wall_us(),
                .pause_us = pause_until_us > now_us ? pause_until_us - now_us : 0,
                .deficit = rate_limiter_deficit(planner_rate_limiter(budget->planner), ahead, now_us),
        };

        (void)clock_boot_id(stored.boot_id);
        (void)state_put_value(budget->state, BUDGET_KEY, &stored, sizeof(stored));
}

/* Age of the stored value. A clock that was set back makes it 0. */
static uint64_t age_of(const struct stored_budget *stored, uint64_t now_us)
{
        unsigned char boot_id[BOOT_ID_SIZE];
        uint64_t now = clock_wall_us(), then = stored->wall_us;

        if (clock_boot_id(boot_id) && memcmp(boot_id, stored->boot_id, BOOT_ID_SIZE) == 0) {
                now = now_us;
                then = stored->boot_us;
        }
        return now > then ? now - then : 0;
}

void budget_open(struct budget *budget, struct state *state, struct planner *planner, uint64_t now_us)
{
        CLEANUP(cleanup_free) void *data = NULL;
        struct stored_budget stored;
        size_t size = 0;

        *budget = (struct budget){ .state = state, .planner = planner };
        if (state_get_value(state, BUDGET_KEY, &data, &size) <= 0 || size != sizeof(stored))
                return;

        memcpy(&stored, data, sizeof(stored));
        uint64_t age_us = age_of(&stored, now_us);
        rate_limiter_restore(planner_rate_limiter(planner), &stored.deficit, age_us, now_us);
        if (stored.pause_us > age_us)
                planner_pause(planner, now_us + (stored.pause_us - age_us));
}

void budget_spend(struct budget *budget, uint64_t now_us)
{
        /* without limits there is nothing to store */
        if (rate_limiter_emission_interval(planner_rate_limiter(budget->planner)) == 0)
                return;
        if (budget->covered == 0) {
                store(budget, COVERED_PER_WRITE, now_us);
                budget->covered = COVERED_PER_WRITE;
        }
        budget->covered--;
}

void budget_save(struct budget *budget, uint64_t now_us)
{
        store(budget, budget->covered, now_us);
}

void budget_close(struct budget *budget, uint64_t now_us)
{
        if (budget->state != NULL)
                store(budget, 0, now_us);
}
