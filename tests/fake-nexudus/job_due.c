/* SPDX-License-Identifier: MIT */

/*
 * When jobs take their next step by time, so that a search finds those that have changed without a look at
 * each job. A job that waits for a read, or for nothing, is not in the heap or in it too early, which is
 * harmless.
 */

#include "job_due.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "jobs.h"

int job_due_reserve(struct job_due *due, size_t room)
{
        struct job **heap = realloc(due->heap, room * sizeof *heap);

        if (!heap)
                return -ENOMEM;
        due->heap = heap;
        due->room = room;
        return 0;
}

static uint64_t time_at(const struct job_due *due, size_t place)
{
        return due->heap[place - 1]->due.at;
}

static void put(struct job_due *due, struct job *job, size_t place)
{
        due->heap[place - 1] = job;
        job->due.place = place;
}

/* Moves the job from a place that is free to where it belongs. */
static void settle(struct job_due *due, struct job *job, size_t place)
{
        for (; place > 1 && time_at(due, place / 2) > job->due.at; place /= 2)
                put(due, due->heap[place / 2 - 1], place);
        for (size_t child; (child = 2 * place) <= due->count; place = child) {
                if (child < due->count && time_at(due, child + 1) < time_at(due, child))
                        child++;
                if (time_at(due, child) >= job->due.at)
                        break;
                put(due, due->heap[child - 1], place);
        }
        put(due, job, place);
}

void job_due_set(struct job_due *due, struct job *job, uint64_t at)
{
        size_t place = job->due.place;

        if (place == 0) {
                assert(due->count < due->room);
                place = ++due->count;
                due->heap[place - 1] = job;
        }
        job->due.at = at;
        settle(due, job, place);
}

struct job *job_due_take(struct job_due *due, uint64_t now)
{
        if (due->count == 0 || time_at(due, 1) > now)
                return NULL;

        struct job *job = due->heap[0], *last = due->heap[--due->count];
        job->due.place = 0;
        if (due->count > 0)
                settle(due, last, 1);
        return job;
}

void job_due_release(struct job_due *due)
{
        free(due->heap);
        *due = (struct job_due){ 0 };
}
