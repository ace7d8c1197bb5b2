/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/change.h"
#include "model/record.h"
#include "planning/planner_state.h"

/*
 * What a record, or its absence, means for its job. Each observation is completed by planner_complete(), once
 * it is known whether it could be recorded.
 */

/*
 * A record came: of a single request after planner_succeeded(), or a row that was judged ROW_FIRST or
 * ROW_FIRST_WITHOUT_RESULT. An event in observation.change is to be recorded; a result that was read is to be
 * stored.
 */
struct observation planner_take_record(struct planner *planner, struct planner_job *job,
                                       const struct job_record *record, uint64_t now_us);

/*
 * The job is gone, as planner_failed() or planner_take_gone_check() said. The change is to be recorded; there
 * is none if the job had ended.
 */
struct observation planner_take_gone(const struct planner_job *job);

/*
 * Ends what one of the above began. `seen` is job_memory_of() the record, and NULL for a gone job. A change
 * that could not be recorded is found again by the next poll.
 */
void planner_complete(struct planner *planner, struct planner_job *job, const struct observation *observation,
                      bool recorded, const struct job_memory *seen, uint64_t now_us, uint64_t random);
