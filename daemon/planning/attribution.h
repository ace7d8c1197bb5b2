/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "planning/gone.h"
#include "planning/planner_job.h"
#include "planning/planner_state.h"

/*
 * Whose failure a failed request is: its job's, or the API's. A failure is charged to the job; only
 * independent witnesses accuse the API, and then the circuit breaker opens and what was charged is undone.
 */

/*
 * A request failed. Its jobs are planned anew; with ATTRIBUTED_AS_GONE that is left to planner_take_gone().
 * `api_wide`: of a sign-in without which nothing can be read. Call planner_end_request() before.
 */
enum attribution planner_failed(struct planner *planner, const struct planner_request *request,
                                const struct planner_failure *failure, bool api_wide, uint64_t now_us,
                                uint64_t random);

/*
 * A read was answered with what was asked for: closes the breaker. The jobs of the request are then planned
 * by planner_complete() and planner_apply_row(); those of a check are not concerned. Call
 * planner_end_request() before.
 */
void planner_succeeded(struct planner *planner, const struct planner_request *request, uint64_t now_us);
