/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "model/watch.h"
#include "state/state.h"

/*
 * How often in a row a job was not found, kept across runs: `gone` takes three times over a minute, and with
 * --once no run is as long as that. What cannot be stored is counted from the start again by the next run.
 */

/* Fills in what an earlier run has counted. `now_us` is CLOCK_BOOTTIME, as everywhere in a watch. */
void not_found_load(struct state *state, uint64_t job_id, struct job_watch *watch, uint64_t now_us);

/* The job was not found (again). */
void not_found_save(struct state *state, uint64_t job_id, const struct job_watch *watch, uint64_t now_us);

/* It was found, or is taken for gone: the count is over. */
void not_found_clear(struct state *state, uint64_t job_id);
