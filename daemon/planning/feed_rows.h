/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/record.h"
#include "model/remote_time.h"
#include "planning/planner_state.h"

/*
 * Rows that show something new of a watched job, on pages of the feed and in batches. They are confirmed, or
 * believed where many wait and such rows have always proved true (row_trust.h). What a row showed is
 * remembered until it is recorded: up to the oldest of these the feed is to be read again after a restart.
 */

/* What a row shows, as far as it is compared later. */
struct row_shown {
        uint64_t digest; /* of Status and ResultData */
        struct remote_time updated;
};

struct row_shown row_shown_of(const struct job_record *row);

/* Whether a row of a page shows nothing new of the job: what is recorded, or what a row showed before. */
bool planner_knows_row(const struct planner_job *job, const struct job_record *row);

/*
 * A page shows something new of the job: it is confirmed, by a single request. `again`: and read once more 2
 * s after that, if it is still open.
 */
void planner_confirm_row(struct planner *planner, struct planner_job *job, const struct row_shown *shown,
                         const struct job_record *row, bool again, uint64_t now_us);

/* The same of a row of a batch; planner_apply_row() follows. */
void planner_note_batch_row(struct planner_job *job, const struct row_shown *shown);

/*
 * A page shows a job as a row showed it before, maybe that of a batch: the feed has not missed that. `again`:
 * as above, if what that row showed was not read yet.
 */
void planner_note_known_row(struct planner_job *job, const struct job_record *row, bool again);

/*
 * Whether the row is believed: then planner_take_row() follows, and planner_take_record() with the row as the
 * record. `more` rows of the same document are new too.
 */
bool planner_believes_row(const struct planner *planner, const struct planner_job *job,
                          const struct job_record *row, bool by_feed, size_t more, uint64_t now_us);

/* The job waits to be confirmed: a row that is not new may be believed all the same. */
bool planner_awaits_confirmation(const struct planner_job *job);

/* Whether rows of batches may be believed at present: then they are to be complete records. */
bool planner_may_believe_batches(const struct planner *planner, uint64_t now_us);

/*
 * Takes the job of a row that is believed out of its queue, if it is in one. One in twenty of these rows is
 * confirmed after that, also if the job has ended; the trust in rows depends on it.
 */
void planner_take_row(struct planner *planner, struct planner_job *job, const struct row_shown *shown,
                      bool by_feed, bool again);

/* ---- for the files of this directory ---- */

/* Whether the record shows that the row was wrong by which the job was observed last. */
bool feed_row_was_wrong(const struct planner_job *job, const struct job_record *record);

/* For planner_take_record(): compares the record with the row that led to it. `changed`: it has a new text.
 */
void feed_compare_record(struct planner *planner, struct planner_job *job, const struct job_record *record,
                         bool changed, uint64_t now_us);
