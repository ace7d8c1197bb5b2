/* SPDX-License-Identifier: MIT */

/* A sorted array: 8 bytes a job, and the order in which jobs are listed. */

#include "monitor/job_table.h"

#include <stdlib.h>

static int compare_jobs(const void *left, const void *right)
{
        uint64_t a = (*(struct job *const *)left)->planning.id,
                 b = (*(struct job *const *)right)->planning.id;

        return (a > b) - (a < b);
}

static int compare_id(const void *key, const void *member)
{
        uint64_t a = *(const uint64_t *)key, b = (*(struct job *const *)member)->planning.id;

        return (a > b) - (a < b);
}

struct job *job_table_find(const struct job_table *table, uint64_t id)
{
        if (table->count == 0)
                return NULL;

        struct job **found = bsearch(&id, table->jobs, table->count, sizeof(struct job *), compare_id);
        return found != NULL ? *found : NULL;
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
