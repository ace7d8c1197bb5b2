/* SPDX-License-Identifier: MIT */

/* Which queue a job is in, and when it is polled next. */

#include "planning/planner_state.h"

#include <assert.h>

#include "util/timespan.h"

/* A gone job is polled once an hour, for seven days. */
#define GONE_INTERVAL_US (1 * USEC_PER_HOUR)
#define GONE_PERIOD_US   (7 * USEC_PER_DAY)

/* A job that is read this long after a row shows what came in the same second. */
#define READ_AGAIN_US (2 * USEC_PER_SEC)

/* A poll that is overdue by this was not only waiting for its turn. */
#define LATE_US (15 * USEC_PER_SEC)

static struct queue *queue_of(struct planner *planner, const struct planner_job *job)
{
        if (job->part != 0)
                return &planner->parts;
        if (job->confirm || job->gone_check)
                return &planner->confirm;
        return planner_job_is_gone(job) && !planner->limits.once ? &planner->gone : &planner->due;
}

void planner_put(struct planner *planner, struct planner_job *job, uint64_t due_us)
{
        assert(job->entry.position == 0 && !job->in_flight && !job->done);

        /* The read that its row has waited for has failed, or it is no part of a batch any more. */
        if (job->row_waits && job->part == 0 && !job->gone_check) {
                job->row_waits = false;
                job->confirm = true;
        }
        queue_put(queue_of(planner, job), &job->entry, due_us);
}

void planner_take_out(struct planner *planner, struct planner_job *job)
{
        if (job->entry.position != 0)
                queue_remove(queue_of(planner, job), &job->entry);
}

/* After how long the job is polled, if a row is still to be confirmed. */
static uint64_t confirm_again(struct planner_job *job, uint64_t span_us)
{
        if (job->row_waits) {
                job->row_waits = false;
                job->confirm = true;
                return 0;
        }
        if (job->sampled) {
                job->sampled = false;
                job->end_sampled = planner_job_has_ended(job);
                job->confirm = true;
                return 0;
        }
        if (job->read_again) {
                job->read_again = false;
                job->confirm = true;
                return READ_AGAIN_US;
        }
        return span_us;
}

void planner_plan(struct planner *planner, struct planner_job *job, uint64_t span_us, uint64_t now_us)
{
        job->confirm = job->gone_check = false;
        job->updated_on_moved = job->result_missing = job->status_missing = false;
        job->part = 0;
        if (planner->limits.once)
                job->done = true;
        /* Its end is held back: then it has returned. */
        if (planner_job_is_gone(job) && job->watch.held_since_us == 0) {
                span_us = GONE_INTERVAL_US;
                if ((int64_t)now_us - job->watch.changed_us > (int64_t)GONE_PERIOD_US)
                        job->done = true;
        }
        if (!job->done)
                planner_put(planner, job, now_us + confirm_again(job, span_us));
}

void planner_plan_gone(struct planner *planner, struct planner_job *job, uint64_t now_us)
{
        assert(planner_job_is_gone(job));

        job->watch.held_since_us = 0; /* it had returned, and has gone again */
        planner_plan(planner, job, 0, now_us);
}

void planner_plan_again(struct planner *planner, struct planner_job *job, uint64_t now_us, uint64_t random)
{
        job->pace_us = job->settings.interval_us;
        planner_plan(planner, job, pace_jitter(job->pace_us, random), now_us);
        if (batches_enabled(&planner->api, now_us) || job->confirm || !job->watch.memory.recorded ||
            planner_job_is_gone(job) || job->entry.position == 0)
                return;
        uint64_t due_us = job->entry.due_us;
        planner_take_out(planner, job);
        job->confirm = true; /* polls may take their turn for hours */
        planner_put(planner, job, due_us);
}

uint64_t planner_stalled_in(const struct planner_job *job, uint64_t now_us)
{
        uint64_t after_us = job->settings.stalled_after_us;
        int64_t lasted_us = (int64_t)now_us - job->watch.changed_us;

        if (after_us == 0 || job->watch.stalled)
                return USEC_NEVER;
        return lasted_us < (int64_t)after_us ? (uint64_t)((int64_t)after_us - lasted_us) : 0;
}

/* How long a sweep takes at the steady rate, if nothing else is requested. */
static uint64_t sweep_least(const struct planner *planner, uint64_t now_us)
{
        const struct planner_api *api = &planner->api;

        return planner->job_count * rate_limiter_emission_interval(&api->rate_limiter) /
               (batches_enabled(&planner->api, now_us) ? api->batch_size : 1);
}

/*
 * How long until a job is polled by the next sweep. Sweeps keep the distances between jobs, so that batches
 * are full. Jobs that are late, as after an outage, are polled in a row: then they are spread again.
 */
static uint64_t sweep_span(const struct planner *planner, const struct planner_job *job, uint64_t now_us,
                           uint64_t random)
{
        uint64_t sweep_us = planner->limits.sweep_interval_us;
        bool late = job->part == 0 && !job->confirm && job->entry.due_us + LATE_US < now_us;

        if (!job->spread)
                return random % sweep_us;
        if (!late)
                return sweep_us;
        return sweep_least(planner, now_us) < sweep_us / 2 ? sweep_us - random % (sweep_us / 2)
                                                           : pace_jitter(sweep_us, random);
}

/*
 * When a job that was observed is polled again: after `pace_us`, or with the next sweep if the feed works. It
 * is covered by the feed from now on.
 */
static uint64_t poll_span(struct planner *planner, struct planner_job *job, uint64_t pace_us, uint64_t now_us,
                          uint64_t random)
{
        uint64_t stalled_us = planner_stalled_in(job, now_us);

        job->covered = job->read = planner->feed.phase != FEED_PHASE_OFF;
        if ((planner->feed.phase != FEED_PHASE_WORKING && !job->spread) || job->watch.held_since_us != 0 ||
            !job->watch.memory.recorded || stalled_us == 0)
                return pace_us;
        uint64_t span_us = sweep_span(planner, job, now_us, random);
        job->spread = true;
        return span_us < stalled_us ? span_us : stalled_us;
}

void planner_plan_by_pace(struct planner *planner, struct planner_job *job, bool changed, uint64_t now_us,
                          uint64_t random)
{
        job->pace_us =
                pace_next(job->pace_us, changed, job->settings.interval_us, job->settings.max_interval_us);
        planner_plan(planner, job, poll_span(planner, job, pace_jitter(job->pace_us, random), now_us, random),
                     now_us);
}
