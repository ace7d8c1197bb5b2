/* SPDX-License-Identifier: MIT */

/*
 * What happens to everything but the jobs: outages of the whole site, throttling, slowness, a full disk,
 * suspend, clocks that are set, crashes and restarts.
 */

#include "sim.h"

static void later(struct sim *sim, uint64_t *until_us, uint64_t longest_us)
{
        uint64_t mean_us = longest_us >> chance_below(sim, 8);

        *until_us = sim->now_us + chance_span(sim, mean_us / 4, mean_us);
        sim->disturbances++;
}

/* Mostly by hours, now and then by years. */
static void wall_jumps(struct sim *sim)
{
        uint64_t most_us = chance_permille(sim, 300) ? 10 * 365 * USEC_PER_DAY : USEC_PER_DAY;
        int64_t by_us = (int64_t)chance_span(sim, 0, 2 * most_us) - (int64_t)most_us;

        sim->wall_offset_us += (uint64_t)by_us;
        sim->wall_jumped |= by_us > 0;
        sim->wall_jumps++;
}

static void site_fails(struct sim *sim)
{
        sim->site = (enum site)(1 + chance_below(sim, SITE_KINDS - 1));
        sim->site_from_us = sim->now_us;
        sim->site_retry_after_us = chance_permille(sim, 300) ? 0 : USEC_PER_SEC << chance_below(sim, 14);
        later(sim, &sim->site_until_us, sim->site == SITE_THROTTLED ? 20 * USEC_PER_MIN : 4 * USEC_PER_HOUR);
        sim->wire.site_failures = 0;
        sim->wire.last_probe = NULL;
        sim->figures.outages++;
}

static void daemon_ends(struct sim *sim)
{
        bool long_world = sim->end_us - sim->start_us > 10 * USEC_PER_DAY;

        switch (chance_below(sim, 4)) {
        case 0:
                sim->crash = CRASH_BEFORE_COMMIT;
                break;
        case 1:
                sim->crash = CRASH_AFTER_COMMIT;
                break;
        case 2:
                daemon_crash(sim);
                break;
        default:
                daemon_stop(sim);
                break;
        }
        sim->up_us = sim->now_us + chance_span(sim, USEC_PER_SEC / 10,
                                               USEC_PER_SEC << chance_below(sim, long_world ? 18 : 13));
        if (chance_permille(sim, 500)) /* again and again */
                sim->mischief_us = sim->up_us + chance_gap(sim, 20 * USEC_PER_SEC);
        sim->disturbances++;
}

static uint64_t *disk_or_journal(struct sim *sim)
{
        switch (chance_below(sim, 3)) {
        case 0:
                return &sim->disk_full_until_us;
        case 1:
                return &sim->disk_slow_until_us;
        default:
                return &sim->journal_down_until_us;
        }
}

static void mischief(struct sim *sim)
{
        bool young = sim->monitor != NULL && sim->now_us - sim->run_us < USEC_PER_MIN;

        sim->mischief_us = sim->now_us + chance_gap(sim, sim->mischief_gap_us);
        switch (young ? 11 : chance_below(sim, 12)) {
        case 0:
        case 1:
        case 2:
        case 3:
                if (sim->site == SITE_WELL)
                        site_fails(sim);
                break;
        case 4:
                later(sim, &sim->slow_until_us, 20 * USEC_PER_MIN);
                break;
        case 5:
                later(sim, disk_or_journal(sim), 2 * USEC_PER_HOUR);
                break;
        case 6:
                later(sim, &sim->suspended_until_us, 8 * USEC_PER_HOUR);
                break;
        case 7:
                if (chance_permille(sim, 400))
                        wall_jumps(sim);
                break;
        default:
                if (sim->monitor != NULL)
                        daemon_ends(sim);
                break;
        }
}

static void sooner(uint64_t *next_us, uint64_t now_us, uint64_t at_us)
{
        if (at_us > now_us && at_us < *next_us)
                *next_us = at_us;
}

uint64_t site_next_us(const struct sim *sim)
{
        uint64_t next_us = sim->mischief_us;

        sooner(&next_us, sim->now_us, sim->site_until_us);
        sooner(&next_us, sim->now_us, sim->slow_until_us);
        sooner(&next_us, sim->now_us, sim->slow_until_us + 30 * USEC_PER_SEC);
        sooner(&next_us, sim->now_us, sim->disk_full_until_us);
        sooner(&next_us, sim->now_us, sim->disk_slow_until_us);
        sooner(&next_us, sim->now_us, sim->disk_slow_until_us + DISK_SLOW_US);
        sooner(&next_us, sim->now_us, sim->journal_down_until_us);
        sooner(&next_us, sim->now_us, sim->suspended_until_us);
        sooner(&next_us, sim->now_us, sim->wire.pause_us);
        if (sim->wire.open)
                sooner(&next_us, sim->now_us, wire_deadline(sim));
        return next_us;
}

void site_run(struct sim *sim)
{
        if (sim->site != SITE_WELL && sim->site_until_us <= sim->now_us) {
                sim->site = SITE_WELL;
                for (size_t i = 0; i < sim->job_count; i++)
                        sim->jobs[i].probed = 0;
        }
        if (sim->mischief_us <= sim->now_us && sim->suspended_until_us <= sim->now_us)
                mischief(sim);
        else if (sim->mischief_us <= sim->now_us)
                sim->mischief_us = sim->suspended_until_us + 1;
}
