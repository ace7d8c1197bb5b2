/* SPDX-License-Identifier: MIT */

/*
 * A run with --once: it ends, whatever the API does, when each job was answered or will not be. If nothing
 * has failed and nothing disturbed, each job that has been as it is since before is recorded so then, new
 * ones included.
 */

#include "sim.h"

#define LONGEST_US (20 * USEC_PER_MIN)

void once_begin(struct sim *sim)
{
        struct changes *changes = &sim->changes;

        changes->once = changes->present && chance_permille(sim, 250);
        changes->once_ended = false;
        changes->failures = sim->failures;
        changes->disturbances = sim->disturbances;
        sim->figures.once += changes->once;
}

static bool is_undisturbed(const struct sim *sim)
{
        const struct changes *changes = &sim->changes;

        return sim->failures == changes->failures && sim->disturbances == changes->disturbances &&
               sim->site == SITE_WELL && sim->disk_fail_permille == 0 &&
               sim->disk_full_until_us < sim->run_us && sim->account.deleted_us < sim->run_us && is_calm(sim);
}

/* The first section that a search that was not correct has begun is a matter of chance. */
static bool was_to_be_read(const struct sim *sim, const struct sim_job *job)
{
        return feed_is_due(sim, job) && job->written_us + USEC_PER_MIN < sim->run_us &&
               job->since_us < sim->run_us && !job->refused && job->fault == FAULT_NONE &&
               (job->listed || job->watched.added || (sim->account.sound && job->visible_us < sim->run_us)) &&
               !(status_is_end(job->truth.status) && job->truth.result == 0 &&
                 job->settings.result_wait_us > 0);
}

static void check_end_of_run(struct sim *sim)
{
        if (!is_undisturbed(sim))
                return;
        for (size_t i = 0; i < sim->job_count; i++)
                if (was_to_be_read(sim, &sim->jobs[i]))
                        sim_fail(sim, &sim->jobs[i], "--once has ended, and what it shows was not recorded");
}

void check_once(struct sim *sim)
{
        uint64_t step_us, refill_us, longest_us;

        if (sim->monitor == NULL)
                return;
        emission_of(sim, &step_us, &refill_us);
        longest_us = LONGEST_US + refill_us + 4 * (sim->job_count + 20) * step_us;
        if (sim->suspended_until_us + longest_us > sim->now_us)
                longest_us += sim->suspended_until_us;
        if (sim->changes.once_ended) {
                check_end_of_run(sim);
                daemon_stop(sim);
                sim->up_us = sim->now_us + chance_gap(sim, USEC_PER_MIN);
        } else if (sim->now_us > sim->run_us + longest_us) {
                sim_fail(sim, NULL, "--once does not end");
        }
}
