/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "monitor/job_table.h"
#include "monitor/manual_jobs.h"
#include "planning/planner.h"
#include "state/store.h"

/*
 * The difference between the watched jobs and those of a configuration, less those that were removed at run
 * time: prepared first, with all that can fail, and then made in place. Jobs that stay are the same objects;
 * the difference only renames them and sets how they are polled. Jobs that were added at run time stay.
 * Discovered jobs may be added to the table and taken out of it meanwhile: which of them stay is seen when
 * the changes are made.
 */
struct job_changes {
        const struct config *config;
        const struct manual_jobs *manual; /* does not change until the changes are made or cleared */
        uint64_t now_us;                  /* CLOCK_BOOTTIME of the comparison */
        struct job_table next;            /* the table as it will be; afterwards the jobs that were removed */
        struct job **added;               /* in the order of the configuration */
        size_t added_count;
        bool made;
};

/*
 * Compares a table with a configuration, which must outlive the changes as `manual` must.
 */
void job_changes_prepare(struct job_changes *changes, const struct job_table *table,
                         const struct manual_jobs *manual, const struct config *config, uint64_t now_us);

/*
 * Loads new jobs from the state. May be called on the writer's thread, while the table is in use. Returns 0
 * or a negative errno.
 */
int job_changes_load(struct job_changes *changes, struct store *store);

/*
 * Makes the changes. New jobs are not started. The jobs that were removed exist until job_changes_clear():
 * until then the caller takes them out of all requests.
 */
void job_changes_make(struct job_changes *changes, struct job_table *table, struct planner *planner,
                      uint64_t now_us);

/* Frees what is not in use: the jobs that were removed, or, if the changes were not made, those to be added.
 */
void job_changes_clear(struct job_changes *changes);
