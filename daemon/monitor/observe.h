/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/record.h"
#include "monitor/poll_state.h"

/*
 * The one way from an observation to an event: compares what a response shows of a job with what is recorded,
 * records what has changed, and plans the next poll of the job when that is on disk. A change that cannot be
 * recorded is found again by that poll. `record` is what was shown (its texts may be moved out); NULL: the
 * job is gone.
 */
void observe(struct monitor *monitor, struct planner_job *job, struct job_record *record);
