/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "planning/planner.h"
#include "state/state.h"

/* The jobs of one configuration and the planner that schedules them. A reload replaces the whole set. */
struct job_set {
        struct planner *planner;
        struct planner_settings *settings; /* one per job, in the order of the configuration */
        bool *answered;                    /* likewise: the job has had a usable response */
};

#define JOB_SET_EMPTY ((struct job_set){ .planner = NULL })

/*
 * Builds the set for a configuration, for at most `max_in_flight` requests at a time; nothing is recorded of
 * its jobs yet. On failure (-ENOMEM) the caller clears what was built.
 */
int job_set_build(struct job_set *set, const struct config *config, unsigned max_in_flight, bool once);
void job_set_clear(struct job_set *set);

/* Loads from the state what is recorded of a job. Returns 0 or a negative errno. */
int job_set_load(struct state *state, struct planner_job *job, uint64_t now_us);
