/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/record.h"
#include "planning/planner_request.h"

/*
 * Part of the interface of the planner (planner.h): rows of batches. They are judged while the body arrives,
 * and the verdicts are applied when the document is complete.
 */
struct planner;

enum row_verdict {
        ROW_MISSING = 0,    /* there is no row for the job */
        ROW_UNCHANGED,      /* as recorded */
        ROW_CONFIRM,        /* it may have changed: confirm */
        ROW_RESULT_MISSING, /* confirm: the row lacks a ResultData that is recorded */
        ROW_STATUS_MISSING, /* confirm: the row lacks a Status that is recorded */
        ROW_UPDATED,        /* confirm: UpdatedOn alone differs, and the row may lack what has changed */
        ROW_FIRST,          /* first observation of an open job, complete: to be recorded from the row */
        ROW_FIRST_WITHOUT_RESULT, /* likewise, but ResultData is unknown: to be recorded with has_result =
                                     false */
};

/* Judges the row of a job. */
enum row_verdict planner_judge_row(const struct planner *planner, const struct planner_job *job,
                                   const struct job_record *row, uint64_t now_us);

/* A batch is complete. With `with_results`, some row had a ResultData: a null in rows is true. */
void planner_take_batch(struct planner *planner, bool with_results);

/*
 * Applies a verdict. ROW_FIRST and ROW_FIRST_WITHOUT_RESULT go to planner_take_record() instead; here they
 * count as ROW_CONFIRM. `updated` is updated_on_digest() of the row.
 */
void planner_apply_row(struct planner *planner, struct planner_job *job, enum row_verdict verdict,
                       uint64_t updated, uint64_t now_us, uint64_t random);
