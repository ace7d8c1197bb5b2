/* SPDX-License-Identifier: MIT */

/* A sorted array: there are few, or many that are loaded in order. */

#include "monitor/manual_jobs.h"

#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/sorted.h"

size_t manual_jobs_place(const struct manual_jobs *manual, uint64_t id)
{
        return sorted_place(manual->jobs, manual->count, sizeof(struct manual_job), id);
}

struct manual_job *manual_jobs_find(const struct manual_jobs *manual, uint64_t id)
{
        size_t place = manual_jobs_place(manual, id);

        return place < manual->count && manual->jobs[place].id == id ? &manual->jobs[place] : NULL;
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

static struct manual_job *insert(struct manual_jobs *manual, size_t place)
{
        manual->jobs = array_grow(manual->jobs, manual->count, sizeof(*manual->jobs));
        memmove(manual->jobs + place + 1, manual->jobs + place,
                (manual->count - place) * sizeof(struct manual_job));
        manual->count++;
        manual->jobs[place] = MANUAL_JOB_NONE;
        return &manual->jobs[place];
}

void manual_jobs_put(struct manual_jobs *manual, struct manual_job *job)
{
        struct manual_job *place = manual_jobs_find(manual, job->id);

        if (place == NULL)
                place = insert(manual, manual_jobs_place(manual, job->id));
        manual_job_clear(place);
        *place = *job;
        *job = MANUAL_JOB_NONE;
}

void manual_jobs_drop(struct manual_jobs *manual, uint64_t id)
{
        struct manual_job *job = manual_jobs_find(manual, id);

        if (job == NULL)
                return;
        size_t place = (size_t)(job - manual->jobs);
        manual_job_clear(job);
        manual->count--;
        memmove(manual->jobs + place, manual->jobs + place + 1,
                (manual->count - place) * sizeof(struct manual_job));
}

void manual_jobs_clear(struct manual_jobs *manual)
{
        for (size_t i = 0; i < manual->count; i++)
                manual_job_clear(&manual->jobs[i]);
        free(manual->jobs);
        *manual = (struct manual_jobs){ .count = 0 };
}
