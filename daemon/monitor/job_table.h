/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "monitor/job.h"

/* The watched jobs by ascending id. */
struct job_table {
        struct job **jobs; /* owned */
        size_t count;
};

/* The job of that id, or NULL. */
struct job *job_table_find(const struct job_table *table, uint64_t id);

/* Sorts the jobs of a table that was filled in another order. */
void job_table_sort(struct job_table *table);

/* Frees all jobs and leaves the table empty. */
void job_table_clear(struct job_table *table);
