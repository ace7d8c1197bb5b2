/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "planning/planner.h"
#include "state/store.h"

struct commit;

/* A watched job: the only object that knows it. Found by its id in the table of the monitor (job_table.h). */
struct job {
        struct planner_job planning; /* must be first: the planner hands it back. Its id, how it is polled,
                                        and what is recorded of it */
        char *name;                  /* NULL: none */
        struct string_list *hooks;   /* names; NULL: all hooks */
        bool from_command_line;      /* polled even if it is recorded as ended */
        bool answered;               /* it has had a usable response */
        const struct commit *commit; /* its commit in progress, see observe.c; NULL: none */
};

/* The job that this is part of. */
static inline struct job *job_of(const struct planner_job *planning)
{
        union {
                const struct planner_job *planning;
                struct job *job;
        } part = { .planning = planning };

        return part.job;
}

/* A job as it is configured. Nothing is recorded of it, and no planner has it. -ENOMEM. */
int job_new(const struct job_config *config, struct job **ret_job);

/* The job is in no planner and no request. Takes NULL, returns NULL. */
struct job *job_free(struct job *job);

/* Loads from the state what is recorded of a job. `now_us` is CLOCK_BOOTTIME. 0 or a negative errno. */
int job_load(struct job *job, struct store *store, uint64_t now_us);

/* Whether name, hooks and origin are as configured; how it is polled is not compared. */
bool job_is_named(const struct job *job, const struct job_config *config);

/* Exchanges the same of two jobs. */
void job_swap_names(struct job *left, struct job *right);

/* How a job is polled by its configuration. */
struct planner_settings job_settings(const struct job_config *config);
