/* SPDX-License-Identifier: MIT */

/* The planner's jobs come, change and go, and so do its limits. What it knows of all others stays. */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "planning/batches.h"
#include "planning/feed.h"
#include "planning/planner.h"
#include "util/array.h"

/* ---- jobs ---- */

void planner_add_job(struct planner *planner, struct planner_job *job)
{
        assert(job->entry.position == 0 && !job->in_flight && !job->removed);

        planner->jobs = array_grow(planner->jobs, planner->job_count, sizeof(struct planner_job *));
        job->index = (uint32_t)planner->job_count;
        planner->jobs[planner->job_count++] = job;
        feed_note_jobs(planner);
}

void planner_start_job(struct planner *planner, struct planner_job *job, uint64_t now_us, uint64_t span_us)
{
        if (job->done) /* its rows were not read since it has ended */
                job->covered = job->read = false;
        job->done = false;
        planner_put(planner, job, now_us + span_us);
        feed_note_jobs(planner);
}

void planner_remove_job(struct planner *planner, struct planner_job *job)
{
        assert(job->index < planner->job_count && planner->jobs[job->index] == job);

        struct planner_job *last = planner->jobs[--planner->job_count];
        planner->jobs[job->index] = last;
        last->index = job->index;
        planner_take_out(planner, job);
        job->removed = true;
        feed_cursor_forget_job(&planner->feed.cursor, job->id);
        feed_note_jobs(planner);
}

/* Polls a job that waits sooner than planned. */
static void hurry_job(struct planner *planner, struct planner_job *job, uint64_t due_us)
{
        if (job->entry.position == 0 || job->part != 0 || job->entry.due_us <= due_us)
                return;
        planner_take_out(planner, job);
        planner_put(planner, job, due_us);
}

void planner_poll_job(struct planner *planner, struct planner_job *job, uint64_t now_us)
{
        if (job->done)
                planner_start_job(planner, job, now_us, 0);
        else if (job->failures == 0 || job->failure != FAILURE_THROTTLED)
                hurry_job(planner, job, now_us);
}

void planner_update_job(struct planner *planner, struct planner_job *job,
                        const struct planner_settings *settings, uint64_t now_us)
{
        bool same_pace = job->settings.interval_us == settings->interval_us &&
                         job->settings.max_interval_us == settings->max_interval_us;

        job->settings = *settings;
        if (same_pace)
                return;
        feed_note_jobs(planner);
        if (job->pace_us > settings->max_interval_us)
                job->pace_us = settings->max_interval_us;
        if (!job->failing && !planner_job_is_gone(job))
                hurry_job(planner, job, now_us + settings->interval_us);
}

void planner_hurry(struct planner *planner, uint64_t now_us)
{
        breaker_hurry(&planner->api.breaker, now_us);
        feed_hurry(planner);
        for (size_t i = 0; i < planner->job_count; i++) {
                struct planner_job *job = planner->jobs[i];

                if (!planner_job_is_gone(job))
                        continue;
                if (job->done)
                        planner_start_job(planner, job, now_us, 0);
                else
                        hurry_job(planner, job, now_us);
        }
}

/* ---- limits ---- */

void planner_take_limits(struct planner *planner, const struct planner_limits *limits,
                         const struct status_rules *rules)
{
        planner->rules = rules;
        planner->open_status = (struct text_digest){ 0 };
        planner->limits = *limits;
        if (planner->limits.batch_size > PLANNER_BATCH_MAX)
                planner->limits.batch_size = PLANNER_BATCH_MAX;
}

void planner_set_limits(struct planner *planner, const struct planner_limits *limits,
                        const struct status_rules *rules, uint64_t now_us)
{
        struct planner_api *api = &planner->api;
        bool reduced = api->batch_size < planner->limits.batch_size;

        planner_take_limits(planner, limits, rules);
        if (!reduced || api->batch_size > planner->limits.batch_size)
                batches_set_size(api, planner->limits.batch_size);
        if (!batches_enabled(api, now_us))
                batches_release_parts(planner, now_us);
        rate_limiter_set_limits(&api->rate_limiter, &planner->limits.rate_limiter, now_us);
        feed_note_jobs(planner);
}

void planner_reset_api(struct planner *planner, uint64_t now_us)
{
        struct planner_api *api = &planner->api;

        assert(api->in_flight == 0);
        api->breaker = BREAKER_INITIAL;
        api->throttle = THROTTLE_INITIAL;
        api->check_wanted = FAILURE_NONE;
        api->check_in_flight = api->opened_by_check = false;
        api->false_checks = 0;
        api->no_checks_until_us = api->batches_from_us = 0;
        api->failed_gone_checks = 0;
        api->no_gone_checks_until_us = 0;
        batches_set_size(api, planner->limits.batch_size);
        batches_note_answered(api);
        feed_reset(planner, now_us);
        for (size_t i = 0; i < planner->job_count; i++)
                hurry_job(planner, planner->jobs[i], now_us + planner->jobs[i]->settings.interval_us);
}
