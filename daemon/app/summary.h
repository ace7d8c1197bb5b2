/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "config/config.h"
#include "journal/journal.h"
#include "monitor/monitor.h"

/* Messages about the service as a whole. */

/*
 * The text of STATUS= of sd_notify(3): "12 jobs (3 open, 9 finished); next poll in 8s; ...". malloc()ed, or
 * NULL when out of memory. `now_us` is CLOCK_BOOTTIME.
 */
char *summary_status(const struct config *config, const struct monitor_counts *counts, uint64_t now_us);

/* Log what is watched after a start or a reload; with a warning if the rate limits do not allow `interval`.
 */
void summary_log_start(struct journal *journal, const struct config *config,
                       const struct monitor_counts *counts);
void summary_log_reload(struct journal *journal, const struct config *config,
                        const struct monitor_counts *counts);

/* Logs that no job is left to poll. `next` is a sentence that says what happens next. */
void summary_log_finished(struct journal *journal, const struct monitor_counts *counts, const char *next);

/* Logs the daily summary. */
void summary_log_daily(struct journal *journal, const struct config *config,
                       const struct monitor_counts *counts);
