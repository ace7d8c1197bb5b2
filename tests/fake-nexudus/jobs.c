/* SPDX-License-Identifier: MIT */

/*
 * The jobs of a scenario. A section is stored once as a spec for all of its jobs; a job only stores its
 * position in the steps. Steps are taken lazily, when a job is accessed, in order: a step that waits for a
 * read delays those after it. UpdatedOn is the time at which a step was due, not the time of the access.
 */

#include "jobs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct job **hash_slot(struct jobs *jobs, uint64_t id)
{
        struct job **slot = &jobs->hash[(id * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (jobs->hash_size - 1)];

        while (*slot && (*slot)->id != id)
                slot = &(*slot)->next;
        return slot;
}

static int grow_hash(struct jobs *jobs)
{
        size_t size = jobs->hash_size ? jobs->hash_size * 2 : 1024;
        struct job **hash = calloc(size, sizeof *hash);

        if (!hash)
                return -ENOMEM;
        free(jobs->hash);
        jobs->hash = hash;
        jobs->hash_size = size;
        for (size_t i = 0; i < jobs->count; i++)
                jobs->all[i]->next = NULL;
        for (size_t i = 0; i < jobs->count; i++)
                *hash_slot(jobs, jobs->all[i]->id) = jobs->all[i];
        return 0;
}

/* The job with this id, created if it does not exist. */
static int get_job(struct jobs *jobs, uint64_t id, struct job **ret_job)
{
        if (jobs->count >= jobs->hash_size && grow_hash(jobs) < 0)
                return -ENOMEM;
        struct job **slot = hash_slot(jobs, id);
        if (*slot) {
                *ret_job = *slot;
                return 0;
        }
        if (jobs->count == jobs->room) {
                size_t room = jobs->room ? jobs->room * 2 : 256;
                struct job **all = realloc(jobs->all, room * sizeof *all);
                if (!all)
                        return -ENOMEM;
                jobs->all = all;
                jobs->room = room;
        }
        struct job *job = calloc(1, sizeof *job);
        if (!job)
                return -ENOMEM;
        job->id = id;
        jobs->all[jobs->count++] = *slot = job;
        *ret_job = job;
        return 0;
}

static void forget_state(struct job *job)
{
        free(job->own_status);
        free(job->own_result);
        *job = (struct job){ .next = job->next, .id = job->id };
}

int jobs_add_spec(struct jobs *jobs, struct job_spec *spec)
{
        spec->next = jobs->specs;
        jobs->specs = spec;
        for (uint64_t id = spec->first; id <= spec->last; id++) {
                struct job *job;
                int r = get_job(jobs, id, &job);
                if (r < 0)
                        return r;
                uint64_t place = id - spec->first, count = spec->last - spec->first + 1;
                forget_state(job);
                job->spec = spec;
                job->shift = (uint64_t)((double)spec->spread * (double)place / (double)count);
                job->created_wall =
                        jobs->started_wall - (int64_t)spec->created_ago + (int64_t)place * 1000000;
                job->updated_wall = job->created_wall;
        }
        return 0;
}

static void take_step(struct job *job, const struct job_step *step, int64_t wall)
{
        job->gone = step->gone;
        job->updated_wall = wall;
        if (step->gone)
                return;
        job->status = step->status;
        if (!step->keeps_result) {
                job->result = step->result;
                job->result_size = step->result_size;
        }
}

void job_advance(struct jobs *jobs, struct job *job, uint64_t now)
{
        while (job->next_step < job->spec->step_count) {
                const struct job_step *step = &job->spec->steps[job->next_step];
                uint64_t elapsed = now - jobs->started, due = step->at + job->shift;

                if (step->by_poll ? job->polls < step->at : elapsed < due)
                        return;
                take_step(job, step, jobs->started_wall + (int64_t)(step->by_poll ? elapsed : due));
                job->next_step++;
        }
}

struct job *jobs_find(struct jobs *jobs, uint64_t id, uint64_t now)
{
        struct job *job = jobs->hash_size ? *hash_slot(jobs, id) : NULL;

        if (job)
                job_advance(jobs, job, now);
        return job;
}

void job_read(struct jobs *jobs, struct job *job, uint64_t now)
{
        jobs->reads++;
        job->polls++;
        if (!job->counted) {
                job->counted = true;
                jobs->jobs_read++;
                jobs->first_read = now;
        }
        job_advance(jobs, job, now);
}

void jobs_forget_reads(struct jobs *jobs)
{
        for (size_t i = 0; i < jobs->count; i++)
                jobs->all[i]->counted = false;
        jobs->reads = jobs->jobs_read = 0;
}

static char *copy_bytes(const char *data, size_t size)
{
        char *copy = malloc(size + 1);

        if (copy) {
                memcpy(copy, data, size);
                copy[size] = 0;
        }
        return copy;
}

int jobs_change(struct jobs *jobs, uint64_t id, const struct job_change *change, uint64_t now)
{
        char *status = NULL, *result = NULL;
        struct job *job;

        int64_t wall = jobs->started_wall + (int64_t)(now - jobs->started);
        if (get_job(jobs, id, &job) < 0)
                return -ENOMEM;
        if (!job->spec) {
                job->spec = &jobs->control_spec;
                job->created_wall = wall;
        }
        if (change->set_status && change->status && !(status = strdup(change->status)))
                return -ENOMEM;
        if (change->set_result && change->result &&
            !(result = copy_bytes(change->result, change->result_size))) {
                free(status);
                return -ENOMEM;
        }

        job_advance(jobs, job, now);
        job->next_step = job->spec->step_count;
        job->gone = change->gone;
        job->updated_wall = wall;
        if (change->set_status) {
                free(job->own_status);
                job->status = job->own_status = status;
        }
        if (change->set_result) {
                free(job->own_result);
                job->result = job->own_result = result;
                job->result_size = result ? change->result_size : 0;
        }
        return 0;
}

void jobs_release(struct jobs *jobs)
{
        for (size_t i = 0; i < jobs->count; i++) {
                forget_state(jobs->all[i]);
                free(jobs->all[i]);
        }
        free(jobs->all);
        free(jobs->hash);
        while (jobs->specs) {
                struct job_spec *next = jobs->specs->next;
                job_spec_free(jobs->specs);
                jobs->specs = next;
        }
        *jobs = (struct jobs){ 0 };
}
