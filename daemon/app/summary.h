/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "app/exit_status.h"
#include "config/config.h"
#include "journal/journal.h"
#include "monitor/monitor.h"

/* Messages about the service as a whole. */

/*
 * Log what is watched after a start, with the number of pending deliveries, or after a reload, with what it
 * changed (config_changes_text()); and warn if the rate limits do not allow `interval`.
 */
void summary_log_start(struct journal *journal, const struct config *config,
                       const struct monitor_counts *counts, size_t pending);
void summary_log_reload(struct journal *journal, const struct config *config,
                        const struct monitor_counts *counts, const char *changes);

/* Logs that no job is left to poll. `next` is a sentence that says what happens next. */
void summary_log_finished(struct journal *journal, const struct monitor_counts *counts, const char *next);

/* Logs why the exit status is not 0 although all jobs may have succeeded; nothing if none was abandoned. */
void summary_log_abandoned(struct journal *journal, size_t abandoned);

/* The text of STATUS= after the exit. malloc()ed. */
char *summary_of_end(const struct monitor_counts *counts, size_t abandoned);

/* Logs the daily summary. */
void summary_log_daily(struct journal *journal, const struct config *config,
                       const struct monitor_counts *counts);

/*
 * What a reload has changed: "4 jobs (1 added: 87654323 (members-import); 1 removed: 87654321), 3 hooks". Up
 * to ten of each are named. malloc()ed. When memory runs out, the process ends.
 */
char *config_changes_text(const struct config *old, const struct config *new);

/* All jobs have ended, with exit_when = done; `abandoned` deliveries. */
enum exit_status exit_status_when_done(const struct monitor_counts *counts, size_t abandoned);

/* The round of --once has ended, whatever the jobs' outcomes; `hook_unrecorded`: a result of a hook is not.
 */
enum exit_status exit_status_of_round(const struct monitor_counts *counts, bool hook_unrecorded);
