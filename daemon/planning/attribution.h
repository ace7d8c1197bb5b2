/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "planning/planner_state.h"

/*
 * Whose failure a failed request is: its job's, or the API's. A failure is charged to the job; only
 * independent witnesses accuse the API, and then the circuit breaker opens and what was charged is undone.
 */

struct planner_failure {
        enum failure failure;    /* not FAILURE_NONE */
        bool too_large;          /* FAILURE_UNEXPECTED: the response exceeded max_response */
        uint64_t retry_after_us; /* 0: none */
};

enum attribution {
        ATTRIBUTED_TO_API,  /* the breaker is open, or all requests pause: no job is concerned */
        ATTRIBUTED_TO_JOB,  /* of a single request: charged; see job->failures */
        ATTRIBUTED_TO_NONE, /* not yet: a batch is split, or a check says nothing */
        ATTRIBUTED_AS_GONE, /* of a single request: charged, and all evidence says that the record is gone */
};

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

/*
 * REQUEST_GONE_CHECK was answered with a whole document. Returns true if the job is gone: then
 * planner_take_gone() follows. If the document shows the record, the job is failing, and not gone.
 */
bool planner_take_gone_check(struct planner *planner, const struct planner_request *request, bool shown,
                             uint64_t now_us, uint64_t random);

/*
 * Fills in the check request that is wanted, if one is. Returns false if none is, or if there is no job to
 * make it with.
 */
bool attribution_next_check(struct planner *planner, uint64_t now_us, struct planner_request *ret_request);

/* True if a check is wanted. */
bool attribution_wants_check(const struct planner *planner);
