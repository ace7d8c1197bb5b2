/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "model/record.h"
#include "monitor/poll_state.h"
#include "planning/feed_cursor.h"

/*
 * New jobs: rows of the search that a section [discover NAME] matches become jobs of the table. They are
 * watched like others until they end.
 */

/*
 * A row of a complete page. The texts are taken out of it if it may be a new job. `again`: it is to be read
 * twice, see planner_confirm_row().
 */
void discover_take_row(struct monitor *monitor, struct job_record *row, bool again);

/* A job with this ID is not new: it is not looked up again, as long as there are not KNOWN_IDS_MAX others. */
void discover_remember(struct monitor *monitor, uint64_t id, int64_t created_ticks);

/*
 * Whether a job is new cannot be judged while the state cannot be read: look-ups that failed are repeated, if
 * that is due. To be called when requests are, at discover.retry_us at the latest.
 */
void discover_repeat_lookups(struct monitor *monitor);

/* The same are given up, at the end. */
void discover_drop_lookups(struct monitor *monitor);

/* A round by CreatedOn is to be made, now unless one is due already. */
void discover_want_round(struct monitor *monitor);

/* What follows a page by UpdatedOn, of which all rows were taken. */
void discover_end_feed_page(struct monitor *monitor, enum feed_step step);

/*
 * Before the observation of a job, of which `record` was read (NULL: it is gone): whether it is a job to be
 * watched. It is decided here if the row had not shown all that is needed. If not, it must not be used again.
 */
bool discover_decide(struct monitor *monitor, struct job *job, const struct job_record *record);

/* Before an observation is complete that was recorded: of a discovered job. */
void discover_note_recorded(struct monitor *monitor, const struct job *job);

/* A job is not polled any more: if it was discovered, it leaves the table soon. */
void discover_note_ended(struct monitor *monitor);
