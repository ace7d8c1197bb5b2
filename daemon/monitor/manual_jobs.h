/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/manual_job.h"

/*
 * What was asked for at run time, as the state has it, by ascending id.
 */
struct manual_jobs {
        struct manual_job *jobs;
        size_t count;
};

/* What was asked for about a job, or NULL. Valid until the next change. */
struct manual_job *manual_jobs_find(const struct manual_jobs *manual, uint64_t id);

/* The number of those with lower ids. */
size_t manual_jobs_place(const struct manual_jobs *manual, uint64_t id);

/* Whether the job was removed, in whatever way; or so that it is not watched though it is listed. */
bool manual_jobs_exclude(const struct manual_jobs *manual, uint64_t id);
bool manual_jobs_exclude_listed(const struct manual_jobs *manual, uint64_t id);

/* Replaces what was asked for about this job. The contents are moved out of `job`. */
void manual_jobs_put(struct manual_jobs *manual, struct manual_job *job);

/* A job that is not there is no error. */
void manual_jobs_drop(struct manual_jobs *manual, uint64_t id);

void manual_jobs_clear(struct manual_jobs *manual);
