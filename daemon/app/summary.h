/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "config/config.h"
#include "journal/journal.h"
#include "monitor/monitor.h"

/* Messages about the service as a whole. */

/*
 * Log what is watched after a start, with the number of pending deliveries, or after a reload, with what it
 * changed (config_changes.h); and warn if the rate limits do not allow `interval`.
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
