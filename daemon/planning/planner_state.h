/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/status.h"
#include "planning/breaker.h"
#include "planning/planner_request.h"
#include "planning/queue.h"
#include "planning/rate_limiter.h"

/* After this many confirmations without a change, a new UpdatedOn alone is no reason for another. */
#define FRUITLESS_CONFIRMS_MAX 3

/* The state of a planner, shared by the files that implement it. Other directories include planner.h only. */
struct planner {
        struct planner_limits limits;
        const struct status_rules *rules;
        struct planner_job *jobs;
        size_t job_count;
        struct planner_job **by_id; /* after planner_adopt(): the jobs, sorted by id */
        struct queue due;           /* polls by their time */
        struct queue confirm;       /* confirmations, which go before polls */
        struct rate_limiter rate_limiter;
        struct breaker breaker;
        unsigned in_flight;
        unsigned unsent;          /* requests that were handed out and not sent yet */
        uint64_t batches_from_us; /* not 0: no batches before this time */
        unsigned batch_size;      /* current size; at most limits.batch_size */
        unsigned failed_batches;  /* batches that met an outage since one was answered */
        bool batches_on_trial; /* batches were refused before: one is in flight, others wait for its result */
        unsigned statuses_omitted; /* confirmations that found the Status that the row lacked */
        enum row_results {
                ROW_RESULTS_UNKNOWN, /* ResultData was null in all rows so far, which may be true */
                ROW_RESULTS_THERE,   /* rows were observed to have ResultData: a null in a row is true */
                ROW_RESULTS_OMITTED, /* a confirmation found ResultData that the row lacked: a null means
                                        nothing */
        } row_results;
};

/* Puts a job into the queue that it belongs to. */
void planner_put(struct planner *planner, struct planner_job *job, uint64_t due_us);

/*
 * Ends a confirmation, if there was one, and schedules the next poll after `delay_us`; none if the job is
 * done.
 */
void planner_schedule(struct planner *planner, struct planner_job *job, uint64_t delay_us, uint64_t now_us);

/* As planner_schedule(), after the next interval of the job's pace. */
void planner_schedule_by_pace(struct planner *planner, struct planner_job *job, bool changed, uint64_t now_us,
                              uint64_t random);

/* No batches for a while; then one is tried. */
void planner_suspend_batches(struct planner *planner, uint64_t now_us);
