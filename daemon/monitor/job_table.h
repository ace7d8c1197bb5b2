/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "monitor/job.h"

/* The watched jobs by ascending id. */
struct job_table {
        struct job **jobs; /* owned */
        size_t count, capacity;
};

/* The job of that id, or NULL. */
struct job *job_table_find(const struct job_table *table, uint64_t id);

/* The number of jobs with lower ids: the place of this one in the array, if it is there. */
size_t job_table_place(const struct job_table *table, uint64_t id);

/* Makes room for `count` jobs in all. Returns 0 or -ENOMEM. */
int job_table_reserve(struct job_table *table, size_t count);

/* Adds a job, whose id is not in the table, at its place; room was made for it. The table owns it. */
void job_table_add(struct job_table *table, struct job *job);

/* Takes a job out. It is the caller's then. */
void job_table_remove(struct job_table *table, const struct job *job);

/* Sorts the jobs of a table that was filled in another order. */
void job_table_sort(struct job_table *table);

/* Frees all jobs and leaves the table empty. */
void job_table_clear(struct job_table *table);
