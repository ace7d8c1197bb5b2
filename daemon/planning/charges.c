/* SPDX-License-Identifier: MIT */

/* Charging a failure to a job, and taking it back. */

#include "planning/charges.h"

#include "planning/backoff.h"

/* Single reads in a row that a job must succeed in before it is in a batch again. */
#define SINGLE_READS 3

void job_charge(struct planner *planner, struct planner_job *job, const struct planner_failure *failure,
                uint64_t now_us, uint64_t random)
{
        uint64_t pace_us = job->pace_us > 0 ? job->pace_us : job->settings.interval_us;

        job->failing = true;
        job->row_waits = job->read_again = false; /* what the row showed is found by the next poll */
        job->failure = failure->failure;
        if (job->failures == 0)
                job->failing_since_us = now_us;
        if (job->failures < UINT8_MAX)
                job->failures++;
        job->charged_us = now_us;
        job->polled_us = 0;
        job->single_left = SINGLE_READS;
        if (failure->failure == FAILURE_SERVER_ERROR || failure->failure == FAILURE_REFUSED ||
            failure->failure == FAILURE_UNEXPECTED)
                job->watch.not_found_count = 0; /* in a row */
        planner_plan(planner, job, poll_backoff(job->failures, pace_us, failure->retry_after_us, random),
                     now_us);
}

void charges_undo(struct planner *planner, uint64_t since_us, uint64_t now_us)
{
        for (size_t i = 0; i < planner->job_count; i++) {
                struct planner_job *job = planner->jobs[i];

                if (!job->failing || job->charged_us < since_us || job->entry.position == 0 || job->part != 0)
                        continue;
                job->failures = job->failing_since_us >= since_us ? 0 : job->failures - 1;
                planner_take_out(planner, job);
                job->gone_check = false;
                job->watch.not_found_count = 0;
                planner_put(planner, job, now_us);
        }
}

void request_requeue(struct planner *planner, const struct planner_request *request, uint64_t due_us)
{
        for (size_t i = 0; i < request->count; i++) {
                request->jobs[i]->polled_us = 0;
                planner_put(planner, request->jobs[i], due_us);
        }
}

void request_give_back(struct planner *planner, const struct planner_request *request, uint64_t due_us)
{
        if (!planner->limits.once) {
                request_requeue(planner, request, due_us);
                return;
        }
        for (size_t i = 0; i < request->count; i++)
                request->jobs[i]->done = true;
}
