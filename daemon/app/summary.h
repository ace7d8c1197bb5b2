/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "config/config.h"
#include "journal/journal.h"
#include "monitor/monitor.h"

/*
 * What the daemon says of itself as a whole: to systemctl status, and to the journal at the start and once a
 * day.
 */

/*
 * The line behind STATUS= of sd_notify(3): "watching 12 jobs: 3 open, 9 done; next poll in 8s". malloc()ed or
 * NULL.
 */
char *summary_status(const struct config *config, const struct monitor_counts *counts, uint64_t now_us);

/*
 * At the start: what is watched and how often, and a warning if the limits do not allow what is configured.
 */
/* `what` has happened: "Started" or "Reloaded". */
void summary_log_start(struct journal *journal, const char *what, const struct config *config,
                       const struct monitor_counts *counts);

/* Once a day. */
void summary_log(struct journal *journal, const struct config *config, const struct monitor_counts *counts);
