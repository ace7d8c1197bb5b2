/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the halves of planner.h share: planner.c decides what to ask, planner_answers.c what an answer means.
 */

#include "planning/planner.h"

struct planner {
        struct planner_limits limits;
        const struct status_rules *rules;
        struct planner_job *jobs;
        size_t job_count;
        struct planner_job **by_id; /* after planner_adopt(): the jobs, sorted */
        struct queue due;           /* looks by their time */
        struct queue confirm;       /* closer looks, which go before */
        struct rate_limiter rate_limiter;
        struct breaker breaker;
        unsigned slots;
        uint64_t batches_from_us; /* singles until then */
        enum row_results {
                ROW_RESULTS_UNKNOWN, /* so far every ResultData in rows was null, which may be true */
                ROW_RESULTS_THERE,   /* rows were seen to have ResultData: a null is a null */
                ROW_RESULTS_OMITTED, /* a closer look found ResultData that the row had not: a null says
                                         nothing */
        } row_results;
        unsigned unsent;         /* requests that were asked for and have not gone out */
        unsigned batch_size;     /* at present; at most limits.batch_size */
        unsigned failed_batches; /* batches that met trouble since one was answered */
        bool batches_on_trial; /* they were refused before: one goes out, and the others wait for what becomes
                                  of it */
        unsigned statuses_omitted; /* closer looks that found the Status that a row had not */
};

/* Puts a job into the schedule that fits it. */
void planner_put(struct planner *planner, struct planner_job *job, uint64_t due_us);
