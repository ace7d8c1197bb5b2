/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "model/watch.h"
#include "state/state.h"

/*
 * The not-found count of each job, kept across runs: `gone` needs three responses over a minute, which no
 * run of --once lasts. If it cannot be stored, the next run counts from 0.
 */

/* Loads the count of an earlier run. `now_us` is CLOCK_BOOTTIME. */
void not_found_load(struct store *store, uint64_t job_id, struct job_watch *watch, uint64_t now_us);

/* Stores the count of a job that was not found. */
void not_found_save(struct state *state, uint64_t job_id, const struct job_watch *watch, uint64_t now_us);

/* The job was found, or is reported as gone: removes the count. */
void not_found_clear(struct state *state, uint64_t job_id);
