/* SPDX-License-Identifier: MIT */

/* A sorted array: there are few, or many that are loaded in order. */

#include "monitor/manual_jobs.h"

#include <stdlib.h>

#include "util/array.h"
#include "util/sorted.h"

size_t manual_jobs_place(const struct manual_jobs *manual, uint64_t id)
{
        return sorted_place(manual->jobs, manual->count, sizeof(struct manual_job), id);
}

struct manual_job *manual_jobs_find(const struct manual_jobs *manual, uint64_t id)
{
        return sorted_find(manual->jobs, manual->count, sizeof(struct manual_job), id);
}

bool manual_jobs_exclude(const struct manual_jobs *manual, uint64_t id)
{
        const struct manual_job *job = manual_jobs_find(manual, id);

        return job != NULL && !manual_job_is_added(job);
}

bool manual_jobs_exclude_listed(const struct manual_jobs *manual, uint64_t id)
{
        const struct manual_job *job = manual_jobs_find(manual, id);

        return job != NULL && (job->kind == MANUAL_REMOVED || job->kind == MANUAL_EXCLUDED);
}

void manual_jobs_put(struct manual_jobs *manual, struct manual_job *job)
{
        size_t place = manual_jobs_place(manual, job->id);

        if (manual_jobs_find(manual, job->id) != NULL)
                manual_job_clear(&manual->jobs[place]);
        else
                manual->jobs = array_insert(manual->jobs, &manual->count, sizeof(struct manual_job), place);
        manual->jobs[place] = *job;
        *job = MANUAL_JOB_NONE;
}

void manual_jobs_drop(struct manual_jobs *manual, uint64_t id)
{
        struct manual_job *job = manual_jobs_find(manual, id);

        if (job == NULL)
                return;
        manual_job_clear(job);
        array_remove(manual->jobs, &manual->count, sizeof(*job), (size_t)(job - manual->jobs));
}

void manual_jobs_clear(struct manual_jobs *manual)
{
        for (size_t i = 0; i < manual->count; i++)
                manual_job_clear(&manual->jobs[i]);
        free(manual->jobs);
        *manual = (struct manual_jobs){ .count = 0 };
}
