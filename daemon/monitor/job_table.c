/* SPDX-License-Identifier: MIT */

/* A sorted array: 8 bytes a job, and the order in which jobs are listed. */

#include "monitor/job_table.h"

#include <assert.h>
#include <stdlib.h>

#include "util/array.h"

static int compare_jobs(const void *left, const void *right)
{
        uint64_t a = (*(struct job *const *)left)->planning.id,
                 b = (*(struct job *const *)right)->planning.id;

        return (a > b) - (a < b);
}

size_t job_table_place(const struct job_table *table, uint64_t id)
{
        size_t from = 0, to = table->count;

        while (from < to) {
                size_t middle = from + (to - from) / 2;
                if (table->jobs[middle]->planning.id < id)
                        from = middle + 1;
                else
                        to = middle;
        }
        return from;
}

struct job *job_table_find(const struct job_table *table, uint64_t id)
{
        size_t place = job_table_place(table, id);

        return place < table->count && table->jobs[place]->planning.id == id ? table->jobs[place] : NULL;
}

void job_table_add(struct job_table *table, struct job *job)
{
        size_t place = job_table_place(table, job->planning.id);

        assert(place == table->count || table->jobs[place]->planning.id != job->planning.id);
        table->jobs = array_insert(table->jobs, &table->count, sizeof(job), place);
        table->jobs[place] = job;
}

void job_table_remove(struct job_table *table, const struct job *job)
{
        size_t place = job_table_place(table, job->planning.id);

        assert(place < table->count && table->jobs[place] == job);
        array_remove(table->jobs, &table->count, sizeof(job), place);
}

void job_table_append(struct job_table *table, struct job *job)
{
        table->jobs = array_grow(table->jobs, table->count, sizeof(struct job *));
        table->jobs[table->count++] = job;
}

void job_table_sort(struct job_table *table)
{
        if (table->count > 0)
                qsort(table->jobs, table->count, sizeof(struct job *), compare_jobs);
}

void job_table_clear(struct job_table *table)
{
        for (size_t i = 0; i < table->count; i++)
                job_free(table->jobs[i]);
        free(table->jobs);
        *table = (struct job_table){ .count = 0 };
}
