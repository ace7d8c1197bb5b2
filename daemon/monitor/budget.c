/* SPDX-License-Identifier: MIT */

/*
 * The governor's debt on disk. Within one boot of the machine it is dated by CLOCK_BOOTTIME, which nobody
 * sets; beyond that only by the wall clock. One that was set forward meanwhile makes the debt seem older than
 * it is, and nobody could tell that from a long stop.
 */

#include "monitor/budget.h"

#include <stdlib.h>
#include <string.h>

#include "platform/clock.h"
#include "util/cleanup.h"
#include "util/timespan.h"

#define BUDGET_KEY "budget"

/*
 * How many requests are covered by one write. More cost a crash more of the budget; fewer cost more writes.
 */
#define COVERED_AT_ONCE 20

struct stored_budget {
        unsigned char boot_id[BOOT_ID_SIZE]; /* all zero: not known */
        uint64_t boot_us;                    /* CLOCK_BOOTTIME of that boot */
        uint64_t wall_us;                    /* CLOCK_REALTIME */
        uint64_t pause_us;                   /* that was still to come then */
        struct rate_limiter_deficit deficit;
};

static void put(struct budget *budget, unsigned ahead, uint64_t now_us)
{
        uint64_t pause_until_us = planner_breaker(budget->planner)->retry_after_until_us;
        struct stored_budget stored = {
                .boot_us = now_us,
                .wall_us = clock_wall_us(),
                .pause_us = pause_until_us > now_us ? pause_until_us - now_us : 0,
                .deficit = rate_limiter_deficit(planner_governor(budget->planner), ahead, now_us),
        };

        (void)clock_boot_id(stored.boot_id);
        (void)state_put_value(budget->state, BUDGET_KEY, &stored, sizeof(stored));
}

/* How long ago that was. A clock that was set back makes no debt younger than it is. */
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
        rate_limiter_restore(planner_governor(planner), &stored.deficit, age_us, now_us);
        if (stored.pause_us > age_us)
                planner_pause(planner, now_us + (stored.pause_us - age_us));
}

void budget_spend(struct budget *budget, uint64_t now_us)
{
        /* Without limits nothing is owed. */
        if (rate_limiter_emission_interval(planner_governor(budget->planner)) == 0)
                return;
        if (budget->covered == 0) {
                put(budget, COVERED_AT_ONCE, now_us);
                budget->covered = COVERED_AT_ONCE;
        }
        budget->covered--;
}

void budget_keep(struct budget *budget, uint64_t now_us)
{
        put(budget, budget->covered, now_us);
}

void budget_close(struct budget *budget, uint64_t now_us)
{
        if (budget->state != NULL)
                put(budget, 0, now_us);
}
