/* SPDX-License-Identifier: MIT */
#pragma once

#include "monitor/job_table.h"
#include "monitor/poll_state.h"

/* What has been discovered, from one run or configuration to the next. */

/*
 * Continues what an earlier run has discovered, before state_start(): the sections, and the jobs that are to
 * be watched. What sections discovered that are not configured any more is dropped. Returns 0 or a negative
 * errno.
 */
int discover_load(struct monitor *monitor);

/* No row is being looked up. */
void discover_clear(struct monitor *monitor);

/* The configuration is another, and the table that of it. Jobs in `removed` are not watched any more. */
void discover_reload(struct monitor *monitor, const struct job_table *removed);

/* A discovered job is about to leave the table, and is not to be found again. */
void discover_forget(struct monitor *monitor, const struct job *job);

/* Jobs of the table were added or removed at run time. One that was to be decided and was added is settled.
 */
void discover_recount(struct monitor *monitor);

/* The API is another one: all sections begin anew. */
void discover_reset(struct monitor *monitor);

/* To be called before requests are chosen: takes out jobs that have ended, saves, and plans rounds. */
void discover_update(struct monitor *monitor);
