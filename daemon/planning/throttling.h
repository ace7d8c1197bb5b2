/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "planning/planner_job.h"
#include "planning/planner_state.h"

/* Whom a throttled response concerns: all requests, or its subject alone. See throttle.h. */

/* A request was answered with anything else, be it a failure. */
void throttling_note_answered(struct planner *planner, const struct planner_request *request);

/*
 * Charged to its subject alone if that was throttled before and others were answered since. It need not be
 * the subject that was throttled last: two jobs that are always throttled would take turns at pausing all
 * others.
 */
enum attribution request_throttled(struct planner *planner, const struct planner_request *request,
                                   const struct planner_failure *failure, uint64_t now_us, uint64_t random);
