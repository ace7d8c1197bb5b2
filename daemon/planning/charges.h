/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "planning/planner_job.h"
#include "planning/planner_state.h"

/* Failures that are charged to a job: it is polled less often, and not in batches. */

/* A request for the job failed. It is planned anew; it is in no queue. */
void job_charge(struct planner *planner, struct planner_job *job, const struct planner_failure *failure,
                uint64_t now_us, uint64_t random);

/*
 * What was charged since the first witness was not the jobs' fault: they are due again. They remain failing
 * until a request for them succeeds, and out of batches: a broken job among them must not be a witness once
 * more.
 */
void charges_undo(struct planner *planner, uint64_t since_us, uint64_t now_us);

/* The jobs of a request are due again at `due_us`. */
void request_requeue(struct planner *planner, const struct planner_request *request, uint64_t due_us);

/* The same after a failure of the API: with `once` that was their only poll, and they are done. */
void request_give_back(struct planner *planner, const struct planner_request *request, uint64_t due_us);
