/* SPDX-License-Identifier: MIT */

/*
 * The jobs of a scenario. A section is stored once as a spec for all of its jobs; a job only stores its
 * position in the steps. Steps are taken lazily, when a job is accessed, in order: a step that waits for a
 * read delays those after it. UpdatedOn is the time at which a step was due, not the time of the access.
 *
 * For searches, the jobs that take a step by time are in a heap, and all jobs in sorted arrays (job_due.h,
 * job_order.h). A job that may have changed is noted, and sorted in when the next search begins.
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

static int grow(struct jobs *jobs)
{
        size_t room = jobs->room ? jobs->room * 2 : 256;
        struct job **all = realloc(jobs->all, room * sizeof *all);

        if (!all)
                return -ENOMEM;
        jobs->all = all;
        struct job **touched = realloc(jobs->touched, room * sizeof *touched);
        if (!touched)
                return -ENOMEM;
        jobs->touched = touched;
        for (unsigned i = 0; i < ORDER_COUNT; i++)
                if (job_order_reserve(&jobs->orders[i], room) < 0)
                        return -ENOMEM;
        if (job_due_reserve(&jobs->due, room) < 0)
                return -ENOMEM;
        jobs->room = room;
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
        if (jobs->count == jobs->room && grow(jobs) < 0)
                return -ENOMEM;
        struct job *job = calloc(1, sizeof *job);
        if (!job)
                return -ENOMEM;
        job->id = id;
        jobs->all[jobs->count++] = *slot = job;
        *ret_job = job;
        return 0;
}

static int64_t wall_at(const struct jobs *jobs, uint64_t elapsed)
{
        return jobs->started_wall + (int64_t)elapsed;
}

/* Its place in the orders may have changed. */
static void note_change(struct jobs *jobs, struct job *job)
{
        if (!job->touched)
                jobs->touched[jobs->touched_count++] = job;
        job->touched = true;
}

static void forget_state(struct job *job)
{
        free(job->own_status);
        free(job->own_result);
        *job = (struct job){
                .next = job->next,
                .id = job->id,
                .due = job->due,
                .touched = job->touched,
                .listed = job->listed,
                .listed_at = { job->listed_at[0], job->listed_at[1] },
        };
}

static void begin_job(struct jobs *jobs, struct job *job, const struct job_spec *spec)
{
        uint64_t place = job->id - spec->first, count = spec->last - spec->first + 1;
        uint64_t apart = spec->created_ago / count < spec->apart ? spec->created_ago / count : spec->apart;

        forget_state(job);
        job->spec = spec;
        job->status = spec->status;
        job->result = spec->result;
        job->result_size = spec->result ? strlen(spec->result) : 0;
        job->shift = spec->zero + (uint64_t)((double)spec->spread * (double)place / (double)count);
        if (spec->appears) {
                job->unborn = job->gone = true;
                job->created_wall = wall_at(jobs, job->shift);
        } else
                job->created_wall =
                        wall_at(jobs, spec->zero) - (int64_t)spec->created_ago + (int64_t)(place * apart);
        job->updated_wall = job->created_wall;
        note_change(jobs, job);
        job_due_set(&jobs->due, job, job->shift);
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
                begin_job(jobs, job, spec);
        }
        return 0;
}

/* Of a change by a step at this time. */
static void set_updated(struct jobs *jobs, struct job *job, int64_t wall)
{
        bool by_second_clock = job->changes++ % 2 == 1;

        if (!jobs->frozen)
                job->updated_wall = wall - (by_second_clock ? (int64_t)job->spec->second_clock : 0);
        note_change(jobs, job);
}

static void take_step(struct job *job, const struct job_step *step)
{
        job->gone = step->gone;
        if (step->gone)
                return;
        job->status = step->status;
        if (!step->keeps_result) {
                job->result = step->result;
                job->result_size = step->result_size;
        }
}

/* How long after its time the next change of a job is visible: the same in each run. */
static uint64_t lateness(const struct job *job)
{
        uint64_t mixed = (job->id * 31 + job->changes) * UINT64_C(0x9e3779b97f4a7c15);

        return job->spec->late > 0 ? (mixed >> 20) % (job->spec->late + 1) : 0;
}

/* Whether the time of the next change has come. If not, the job is looked at again then. */
static bool is_due(struct jobs *jobs, struct job *job, uint64_t at, uint64_t elapsed)
{
        at += lateness(job);
        if (elapsed >= at)
                return true;
        job_due_set(&jobs->due, job, at);
        return false;
}

static bool appear(struct jobs *jobs, struct job *job, uint64_t elapsed)
{
        if (!is_due(jobs, job, job->shift, elapsed))
                return false;
        job->unborn = job->gone = false;
        note_change(jobs, job);
        return true;
}

void job_advance(struct jobs *jobs, struct job *job, uint64_t now)
{
        uint64_t elapsed = now - jobs->started;

        if (job->unborn && !appear(jobs, job, elapsed))
                return;
        while (job->next_step < job->spec->step_count) {
                const struct job_step *step = &job->spec->steps[job->next_step];
                uint64_t at = step->by_poll ? elapsed : step->at + job->shift;

                if (step->by_poll ? job->polls < step->at : !is_due(jobs, job, at, elapsed))
                        return;
                set_updated(jobs, job, wall_at(jobs, at));
                take_step(job, step);
                job->next_step++;
        }
}

void jobs_advance(struct jobs *jobs, uint64_t now)
{
        for (struct job *job; (job = job_due_take(&jobs->due, now - jobs->started));)
                job_advance(jobs, job, now);
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

        int64_t wall = wall_at(jobs, now - jobs->started);
        if (get_job(jobs, id, &job) < 0)
                return -ENOMEM;
        bool is_new = !job->spec;
        if (is_new)
                job->spec = &jobs->control_spec;
        job_advance(jobs, job, now);
        if (is_new || job->unborn)
                job->created_wall = wall - (int64_t)change->updated_ago;
        if (change->set_status && change->status && !(status = strdup(change->status)))
                return -ENOMEM;
        if (change->set_result && change->result &&
            !(result = copy_bytes(change->result, change->result_size))) {
                free(status);
                return -ENOMEM;
        }

        job->next_step = job->spec->step_count;
        job->unborn = false;
        job->gone = change->gone;
        set_updated(jobs, job, wall - (int64_t)change->updated_ago);
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

void jobs_touch(struct jobs *jobs, uint64_t first, uint64_t last, uint64_t now)
{
        for (uint64_t id = first; id <= last; id++) {
                struct job *job = jobs_find(jobs, id, now);
                if (!job)
                        continue;
                job->updated_wall = wall_at(jobs, now - jobs->started);
                note_change(jobs, job);
        }
}

/* ---- order ---- */

static struct job_order_entry entry_of(struct job *job, int64_t time)
{
        return (struct job_order_entry){ .time = time, .id = job->id, .job = job };
}

/* Brings one order up to date. `entries` has room for twice the touched jobs. */
static void sort_in(struct jobs *jobs, enum order order, struct job_order_entry *entries)
{
        struct job_order_entry *old = entries, *added = entries + jobs->touched_count;
        size_t old_count = 0, added_count = 0;

        for (size_t i = 0; i < jobs->touched_count; i++) {
                struct job *job = jobs->touched[i];
                bool lists = !job->gone && job->spec->search_row != SEARCH_ROW_MISSING;
                int64_t time = order == ORDER_UPDATED ? job->updated_wall : job->created_wall;

                if (job->listed && lists && job->listed_at[order] == time)
                        continue;
                if (job->listed)
                        old[old_count++] = entry_of(job, job->listed_at[order]);
                if (lists)
                        added[added_count++] = entry_of(job, time);
                job->listed_at[order] = time;
        }
        job_order_change(&jobs->orders[order], old, old_count, added, added_count);
}

const struct job_order *jobs_in_order(struct jobs *jobs, enum order order, uint64_t now)
{
        jobs_advance(jobs, now);
        if (jobs->touched_count == 0)
                return &jobs->orders[order];

        struct job_order_entry *entries = calloc(2 * jobs->touched_count, sizeof *entries);
        if (!entries)
                return NULL;
        sort_in(jobs, ORDER_UPDATED, entries);
        sort_in(jobs, ORDER_CREATED, entries);
        for (size_t i = 0; i < jobs->touched_count; i++) {
                struct job *job = jobs->touched[i];
                job->listed = !job->gone && job->spec->search_row != SEARCH_ROW_MISSING;
                job->touched = false;
        }
        jobs->touched_count = 0;
        free(entries);
        return &jobs->orders[order];
}

void jobs_release(struct jobs *jobs)
{
        for (size_t i = 0; i < jobs->count; i++) {
                forget_state(jobs->all[i]);
                free(jobs->all[i]);
        }
        for (unsigned i = 0; i < ORDER_COUNT; i++)
                job_order_release(&jobs->orders[i]);
        job_due_release(&jobs->due);
        free(jobs->touched);
        free(jobs->all);
        free(jobs->hash);
        while (jobs->specs) {
                struct job_spec *next = jobs->specs->next;
                job_spec_free(jobs->specs);
                jobs->specs = next;
        }
        *jobs = (struct jobs){ 0 };
}
