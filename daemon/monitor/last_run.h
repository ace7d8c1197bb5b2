/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/watch.h"
#include "state/state.h"

/*
 * What one run leaves to the next: when it ended and a Retry-After that is not over, so that restarts cannot
 * exceed the rate limits; and the not-found count of each job, since `gone` needs three responses over a
 * minute, which no run of --once lasts. All are dated by the wall clock, which is not trusted further than
 * needed. What cannot be stored is ignored: it must not stop the polling.
 */

/*
 * Whether a run may have made requests within the last day: one ended in that time, or after the present time
 * by a clock that was set back, or did not end properly.
 */
bool last_run_was_recent(struct store *store);

/* Whether the last run did not end properly. To be called before last_run_begin(). */
bool last_run_crashed(struct store *store);

/* This run has begun to make requests. */
void last_run_begin(struct state *state);

/* It has ended properly. */
void last_run_end(struct state *state);

/* All requests pause until then, for a Retry-After. Both times are of CLOCK_BOOTTIME. */
void last_run_save_pause(struct state *state, uint64_t now_us, uint64_t until_us);

/* What remains of that pause, at most its whole length and RETRY_AFTER_MAX_US; 0 if nothing does. */
uint64_t last_run_load_pause(struct store *store);

/* Loads the count of an earlier run. `now_us` is CLOCK_BOOTTIME. */
void not_found_load(struct store *store, uint64_t job_id, struct job_watch *watch, uint64_t now_us);

/* Stores the count of a job that was not found. */
void not_found_save(struct state *state, uint64_t job_id, const struct job_watch *watch, uint64_t now_us);

/* The job was found, or is reported as gone: removes the count. */
void not_found_clear(struct state *state, uint64_t job_id);
