/* SPDX-License-Identifier: MIT */

/* Scheduling of single jobs. */

#include "planning/planner_state.h"

#include "util/timespan.h"

/* How long batches are suspended. */
#define BATCHES_AGAIN_US (1 * USEC_PER_HOUR)

void planner_put(struct planner *planner, struct planner_job *job, uint64_t due_us)
{
        /* Both queues have space for every job. */
        (void)queue_put(job->confirm ? &planner->confirm : &planner->due, &job->entry, due_us);
}

void planner_schedule(struct planner *planner, struct planner_job *job, uint64_t delay_us, uint64_t now_us)
{
        job->confirm = job->updated_on_moved = job->result_missing = job->status_missing = false;
        if (planner->limits.once)
                job->done = true;
        if (!job->done)
                planner_put(planner, job, now_us + delay_us);
}

void planner_schedule_by_pace(struct planner *planner, struct planner_job *job, bool changed, uint64_t now_us,
                              uint64_t random)
{
        job->pace_us =
                pace_next(job->pace_us, changed, job->settings->interval_us, job->settings->max_interval_us);
        planner_schedule(planner, job, pace_jitter(job->pace_us, random), now_us);
}

void planner_suspend_batches(struct planner *planner, uint64_t now_us)
{
        planner->batches_from_us = now_us + BATCHES_AGAIN_US;
        planner->batches_on_trial = false;
        planner->failed_batches = 0;
}
