/* SPDX-License-Identifier: MIT */

/* Transfers the state of one planner to the next at a reload. */

#include "planning/planner.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "planning/planner_state.h"

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
        assert(planner->by_id != NULL);
        struct planner_job **found =
                bsearch(&id, planner->by_id, planner->job_count, sizeof(struct planner_job *), compare_id);

        return found != NULL ? *found : NULL;
}

/* The job continues under its new settings; a shorter interval takes effect at once. */
static void adopt_job(struct planner *planner, struct planner_job *job, const struct planner_job *old,
                      uint64_t now_us)
{
        const struct planner_settings *settings = job->settings;
        uint64_t latest_us = now_us + settings->interval_us;

        *job = *old;
        job->settings = settings;
        job->entry.position = 0;
        job->adopted = true;
        if (job->pace_us > settings->max_interval_us)
                job->pace_us = settings->max_interval_us;
        if (old->entry.position != 0)
                planner_put(planner, job, old->entry.due_us < latest_us ? old->entry.due_us : latest_us);
}

int planner_adopt(struct planner *planner, const struct planner *old, uint64_t now_us)
{
        int r = sort_by_id(planner);
        if (r < 0)
                return r;

        for (size_t i = 0; i < old->job_count; i++) {
                struct planner_job *job = planner_find_job(planner, old->jobs[i].id);

                if (job != NULL)
                        adopt_job(planner, job, &old->jobs[i], now_us);
        }

        planner->rate_limiter = old->rate_limiter;
        rate_limiter_set_limits(&planner->rate_limiter, &planner->limits.rate_limiter);
        /* Clamps the deficit to what the new limits allow. */
        struct rate_limiter_deficit deficit = rate_limiter_deficit(&planner->rate_limiter, 0, now_us);
        rate_limiter_restore(&planner->rate_limiter, &deficit, 0, now_us);
        planner->breaker = old->breaker;
        /*
         * The reload may have fixed the cause of an outage: probe now, or after the Retry-After of the
         * server.
         */
        if (planner->breaker.resume_us > now_us)
                planner->breaker.resume_us = planner->breaker.retry_after_until_us > now_us
                                                     ? planner->breaker.retry_after_until_us
                                                     : now_us;
        planner->in_flight = old->in_flight;
        planner->batches_from_us = old->batches_from_us;
        planner->row_results = old->row_results;
        planner->unsent = old->unsent;
        planner->failed_batches = old->failed_batches;
        planner->batches_on_trial = old->batches_on_trial;
        planner->statuses_omitted = old->statuses_omitted;
        return 0;
}

void planner_reset_breaker(struct planner *planner)
{
        assert(!planner->breaker.probing);
        planner->breaker = BREAKER_INITIAL;
}
