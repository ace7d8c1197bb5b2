/* SPDX-License-Identifier: MIT */

/*
 * Of most rows only the verdict of the planner is kept until the document is complete. First observations of
 * jobs are recorded from the row itself, and so are changes if rows are believed.
 */

#include "monitor/batch.h"

#include <stdlib.h>
#include <sys/types.h>

#include "monitor/last_run.h"
#include "monitor/observe.h"
#include "planning/feed_rows.h"
#include "platform/random.h"
#include "util/memory.h"

/*
 * A first observation with a larger ResultData is not kept until the batch is complete but fetched
 * individually.
 */
#define FIRST_RESULT_MAX 4096

struct batch_row {
        enum row_verdict verdict;
        uint64_t updated;       /* updated_on_digest() */
        struct row_shown shown; /* if the row is to be confirmed */
        struct job_record
                *record; /* with ROW_FIRST and ROW_FIRST_WITHOUT_RESULT; or of a row to be believed */
};

static struct job_record *record_free(struct job_record *record)
{
        if (record != NULL)
                job_record_clear(record);
        free(record);
        return NULL;
}

/* Moves the record out of its owner. */
static struct job_record *record_keep(struct job_record *record, bool has_result)
{
        struct job_record *kept = memory_malloc(NULL, sizeof(*kept));

        *kept = *record;
        kept->has_result = has_result;
        *record = (struct job_record){ 0 };
        return kept;
}

void batch_prepare(struct request_slot *slot)
{
        slot->rows = memory_need(calloc(slot->request.count, sizeof(*slot->rows)));
}

void batch_clear(struct request_slot *slot)
{
        for (size_t i = 0; slot->rows != NULL && i < slot->request.count; i++)
                record_free(slot->rows[i].record);
        free(slot->rows);
        slot->rows = NULL;
}

void batch_drop_removed(struct request_slot *slot)
{
        struct planner_request *request = &slot->request;
        size_t kept = 0;

        for (size_t i = 0; i < request->count; i++) {
                if (request->jobs[i]->removed) {
                        if (slot->rows != NULL)
                                record_free(slot->rows[i].record);
                        continue;
                }
                if (slot->rows != NULL)
                        slot->rows[kept] = slot->rows[i];
                request->jobs[kept++] = request->jobs[i];
        }
        for (size_t i = kept; slot->rows != NULL && i < request->count; i++)
                slot->rows[i] = (struct batch_row){ .verdict = ROW_MISSING };
        request->count = kept;
        slot->expected = 0;
}

/* ---- a row arrives ---- */

/* The index of the row's job in the request, or -1 if it was not requested. */
static ssize_t find_job(struct request_slot *slot, uint64_t id)
{
        const struct planner_request *request = &slot->request;

        for (size_t i = 0; i < request->count; i++) {
                size_t index = (slot->expected + i) % request->count;

                if (request->jobs[index]->id == id) {
                        slot->expected = index + 1;
                        return (ssize_t)index;
                }
        }
        return -1;
}

/* The row is recorded as it is, without a confirmation. */
static bool is_first(const struct batch_row *row)
{
        return row->verdict == ROW_FIRST || row->verdict == ROW_FIRST_WITHOUT_RESULT;
}

/* The row shows a change, which has to be confirmed. */
static bool is_to_be_confirmed(const struct batch_row *row)
{
        return row->verdict != ROW_MISSING && row->verdict != ROW_UNCHANGED && row->verdict != ROW_UNREAD &&
               !is_first(row);
}

void batch_take_row(struct request_slot *slot, struct job_record *record)
{
        struct monitor *monitor = slot->monitor;
        ssize_t index = find_job(slot, record->id);

        if (index < 0)
                return;
        struct batch_row *row = &slot->rows[index];
        row->record = record_free(row->record); /* of an earlier row with the same id */

        row->verdict = planner_judge_row(monitor->planner, slot->request.jobs[index], record,
                                         monitor_now_us(monitor));
        row->updated = updated_on_digest(record);
        slot->seen_result |= record->result.data != NULL;
        slot->status_is_json |= record->status_is_json;
        slot->result_is_json |= record->result_is_json;

        if (is_first(row) && record->result.size <= FIRST_RESULT_MAX)
                row->record = record_keep(record, row->verdict == ROW_FIRST);
        if (is_first(row) && row->record == NULL)
                row->verdict = ROW_CONFIRM;
        if (is_to_be_confirmed(row))
                row->shown = row_shown_of(record);
        if (slot->may_believe && row->verdict == ROW_CONFIRM && record->result.data != NULL)
                row->record = record_keep(record, true);
}

/* ---- the document is complete ---- */

/* Returns true if the row was observed as it is. */
static bool believe_row(struct monitor *monitor, struct planner_job *job, const struct batch_row *row,
                        size_t more)
{
        if (!is_to_be_confirmed(row))
                return false;
        if (row->record == NULL ||
            !planner_believes_row(monitor->planner, job, row->record, false, more, monitor_now_us(monitor))) {
                planner_note_batch_row(job, &row->shown);
                return false;
        }
        planner_take_row(monitor->planner, job, &row->shown, false, false);
        observe(monitor, job, row->record);
        return true;
}

void batch_apply_rows(struct request_slot *slot)
{
        struct monitor *monitor = slot->monitor;
        struct planner *planner = monitor->planner;
        uint64_t now = monitor_now_us(monitor);
        size_t more = 0;

        planner_take_batch(planner, slot->seen_result);
        recorder_note_json(monitor->parts.recorder, slot->status_is_json, slot->result_is_json);
        for (size_t i = 0; i < slot->request.count; i++)
                more += is_to_be_confirmed(&slot->rows[i]);
        for (size_t i = 0; i < slot->request.count; i++) {
                struct planner_job *job = slot->request.jobs[i];
                const struct batch_row *row = &slot->rows[i];

                if (is_first(row)) {
                        observe(monitor, job, row->record);
                        continue;
                }
                if (believe_row(monitor, job, row, more))
                        continue;
                more -= is_to_be_confirmed(row);
                if (row->verdict != ROW_MISSING && job->watch.not_found_count > 0)
                        not_found_clear(monitor->parts.state, job->id);
                if (row->verdict == ROW_UNCHANGED) {
                        job_of(job)->answered = true;
                        monitor_report(monitor, job_of(job), "unchanged (%s)",
                                       outcome_to_string(job->watch.memory.outcome));
                }
                planner_apply_row(planner, job, row->verdict, row->updated, now, random_u64());
        }
}
