/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/record.h"
#include "planning/planner_state.h"

/*
 * What a row of a batch shows. A row may be partial, so one that shows a change is confirmed: the job is read
 * individually before the change is believed. Rows are judged while the body comes in, and applied once the
 * document is complete.
 */
enum row_verdict {
        ROW_MISSING = 0,          /* there was no row for the job */
        ROW_UNCHANGED,            /* as recorded */
        ROW_UNREAD,               /* the same, and it is time to read the ResultData, which never was */
        ROW_CONFIRM,              /* it may have changed */
        ROW_RESULT_MISSING,       /* likewise: no ResultData where there was one */
        ROW_STATUS_MISSING,       /* likewise: no Status where there was one */
        ROW_UPDATED,              /* likewise: UpdatedOn alone differs, and the row may omit what changed */
        ROW_FIRST,                /* first observation of an open job in a complete row: a record */
        ROW_FIRST_WITHOUT_RESULT, /* the same but for ResultData, which the row may omit: a record whose
                                     has_result is false */
};

enum row_verdict planner_judge_row(struct planner *planner, const struct planner_job *job,
                                   const struct job_record *row, uint64_t now_us);

/*
 * A batch was answered with a whole document, after planner_succeeded(). `with_results`: some row had a
 * ResultData, so a null in rows is a null.
 */
void planner_take_batch(struct planner *planner, bool with_results);

/*
 * Applies a verdict other than ROW_FIRST and ROW_FIRST_WITHOUT_RESULT, whose record goes to
 * planner_take_record(). `updated` is updated_on_digest() of the row.
 */
void planner_apply_row(struct planner *planner, struct planner_job *job, enum row_verdict verdict,
                       uint64_t updated, uint64_t now_us, uint64_t random);

/*
 * For planner_take_record(): what a single read says about the row that led to it. `changed`: it showed a
 * change; `read`: it showed a ResultData that was not known before.
 */
void rows_learn(struct planner *planner, struct planner_job *job, const struct job_record *record,
                bool changed, bool read, uint64_t now_us);
