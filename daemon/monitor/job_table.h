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

/* The number of jobs with lower ids: the place of this one in the array, if it is there. */
size_t job_table_place(const struct job_table *table, uint64_t id);

/* Adds a job, whose id is not in the table, at its place. The table owns it. */
void job_table_add(struct job_table *table, struct job *job);

/* Takes a job out. It is the caller's then. */
void job_table_remove(struct job_table *table, const struct job *job);

/* Adds a job at the end: job_table_sort() must follow. */
void job_table_append(struct job_table *table, struct job *job);

/* Sorts the jobs of a table that was filled in another order. */
void job_table_sort(struct job_table *table);

/* Frees all jobs and leaves the table empty. */
void job_table_clear(struct job_table *table);
