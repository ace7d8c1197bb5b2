/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

#include "model/record.h"
#include "monitor/poll_state.h"

/* What a response shows of a job that was requested. */
struct observed {
        struct planner_job *job;
        struct job_record *record; /* its texts may be moved out; NULL: the job is gone */
};

/*
 * The one way from an observation to an event: compares each with what is recorded, records what has changed,
 * all in one transaction, and plans the next poll of each job. A change that cannot be recorded is found
 * again by that poll. At most PLANNER_BATCH_MAX.
 */
void observe(struct monitor *monitor, const struct observed observed[], size_t count);
