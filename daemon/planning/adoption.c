/* SPDX-License-Identifier: MIT */

/* From one planner to the next: what a reload keeps. */

#include <errno.h>
#include <stdlib.h>

#include "planning/batches.h"
#include "planning/planner.h"

static int compare_jobs(const void *left, const void *right)
{
        uint64_t a = (*(struct planner_job *const *)left)->id, b = (*(struct planner_job *const *)right)->id;

        return (a > b) - (a < b);
}

static int compare_id(const void *key, const void *member)
{
        uint64_t a = *(const uint64_t *)key, b = (*(struct planner_job *const *)member)->id;

        return (a > b) - (a < b);
}

static int sort_by_id(struct planner *planner)
{
        planner->by_id = calloc(planner->job_count + 1, sizeof(struct planner_job *));
        if (planner->by_id == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < planner->job_count; i++)
                planner->by_id[i] = &planner->jobs[i];
        qsort(planner->by_id, planner->job_count, sizeof(struct planner_job *), compare_jobs);
        return 0;
}

struct planner_job *planner_find_job(struct planner *planner, uint64_t id)
{
        struct planner_job **found =
                bsearch(&id, planner->by_id, planner->job_count, sizeof(struct planner_job *), compare_id);

        return found != NULL ? *found : NULL;
}

/* The job as it was, under its new settings: a shorter interval takes effect at once. */
static void adopt_job(struct planner *planner, struct planner_job *job, const struct planner_job *old,
                      uint64_t now_us)
{
        const struct planner_settings *settings = job->settings;
        uint64_t soon_us = now_us + settings->interval_us, due_us = old->entry.due_us;

        *job = *old;
        job->settings = settings;
        job->entry.position = 0;
        job->adopted = true;
        job->in_flight = false;
        if (job->pace_us > settings->max_interval_us)
                job->pace_us = settings->max_interval_us;
        if (old->entry.position != 0) {
                /* A gone job is polled at each reload; the key of a part is not a time. */
                if (planner_job_is_gone(job))
                        due_us = now_us;
                else if (job->part == 0 && due_us > soon_us && !job->failing)
                        due_us = soon_us;
                planner_put(planner, job, due_us);
        } else if (planner_job_is_gone(job) && !old->in_flight) {
                job->done = false;
                planner_put(planner, job, now_us);
        }
        job->in_flight = old->in_flight;
}

int planner_adopt(struct planner *planner, const struct planner *old, uint64_t now_us)
{
        unsigned batch_size = planner->limits.batch_size;

        int r = sort_by_id(planner);
        if (r < 0)
                return r;

        planner->api = old->api;
        if (planner->api.batch_size > batch_size || old->api.batch_size == old->limits.batch_size)
                planner->api.batch_size = batch_size;
        rate_limiter_set_limits(&planner->api.rate_limiter, &planner->limits.rate_limiter, now_us);
        breaker_hurry(&planner->api.breaker, now_us); /* the reload may have corrected what was wrong */

        for (size_t i = 0; i < old->job_count; i++) {
                struct planner_job *job = planner_find_job(planner, old->jobs[i].id);

                if (job != NULL)
                        adopt_job(planner, job, &old->jobs[i], now_us);
        }
        return 0;
}

void planner_reset_api(struct planner *planner)
{
        planner->api.breaker = BREAKER_INITIAL;
        planner->api.throttle = THROTTLE_INITIAL;
        planner->api.check_wanted = FAILURE_NONE;
        planner->api.check_in_flight = planner->api.opened_by_check = false;
        planner->api.false_checks = 0;
        planner->api.no_checks_until_us = planner->api.batches_from_us = 0;
        planner->api.failed_gone_checks = 0;
        planner->api.no_gone_checks_until_us = 0;
        planner->api.batch_size = planner->limits.batch_size;
        batches_note_answered(&planner->api);
}
