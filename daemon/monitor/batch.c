/* SPDX-License-Identifier: MIT */

/*
 * Rows of a batch: judged one by one as they come in, so that no more than the verdict is kept of most, and
 * applied when the document is whole. Jobs that are seen for the first time are recorded together, in one
 * transaction.
 */

#include "monitor/request_slot.h"
#include "platform/random.h"

#include <stdlib.h>

/* A first sight is kept until the batch is over only if it is small; a larger one is fetched again singly. */
#define FIRST_RESULT_MAX 4096

/* The place of the row's job in the request, or -1 if nobody asked for it. */
static ssize_t find_place(struct slot *slot, uint64_t id)
{
        const struct planner_request *request = &slot->request;

        for (size_t i = 0; i < request->count; i++) {
                size_t place = (slot->expected + i) % request->count;

                if (request->jobs[place]->id == id) {
                        slot->expected = place + 1;
                        return (ssize_t)place;
                }
        }
        return -1;
}

/* The row itself is a record that can be believed. */
static bool is_first(const struct row *row)
{
        return row->verdict == ROW_FIRST || row->verdict == ROW_FIRST_WITHOUT_RESULT;
}

/* Takes the record over; NULL without memory. */
static struct first_observation *first_observation_new(struct job_record *record, bool has_result)
{
        struct first_observation *first = calloc(1, sizeof(*first));

        if (first != NULL) {
                first->record = *record;
                first->record.has_result = has_result;
                *record = (struct job_record){ 0 };
        }
        return first;
}

struct first_observation *first_observation_free(struct first_observation *first)
{
        if (first != NULL)
                job_record_clear(&first->record);
        free(first);
        return NULL;
}

void batch_take_row(struct slot *slot, struct job_record *record)
{
        struct monitor *monitor = slot->monitor;
        ssize_t place = find_place(slot, record->id);

        if (place < 0)
                return;
        struct row *row = &slot->rows[place];
        row->first = first_observation_free(row->first);

        row->verdict = planner_judge_row(monitor->planner, slot->request.jobs[place], record,
                                         monitor_now_us(monitor));
        row->updated = updated_on_digest(record);
        slot->seen_result |= record->result.data != NULL;

        if (is_first(row) && record->result.size <= FIRST_RESULT_MAX)
                row->first = first_observation_new(record, row->verdict == ROW_FIRST);
        if (is_first(row) && row->first == NULL)
                row->verdict = ROW_CONFIRM;
}

static bool has_first(const struct slot *slot)
{
        for (size_t i = 0; i < slot->request.count; i++)
                if (is_first(&slot->rows[i]))
                        return true;
        return false;
}

/* Jobs seen for the first time: all of them recorded, or none. */
static void apply_first(struct slot *slot)
{
        struct monitor *monitor = slot->monitor;
        uint64_t now = monitor_now_us(monitor);

        if (!has_first(slot) || recorder_begin(monitor->parts.recorder) < 0)
                return;
        for (size_t i = 0; i < slot->request.count; i++) {
                struct planner_job *job = slot->request.jobs[i];
                struct first_observation *first = slot->rows[i].first;

                if (first == NULL)
                        continue;
                first->observation = planner_take_record(monitor->planner, job, &first->record, now);
                first->seen = job_memory_of(&first->record, first->observation.change.outcome);
                monitor_report_record(monitor, job, &first->record.status, first->observation.change.outcome);
                if (first->observation.change.unrecognised_status)
                        recorder_note_unrecognised_status(monitor->parts.recorder,
                                                          monitor_job_config(monitor, job),
                                                          &first->record.status);
                first->taken =
                        recorder_take(monitor->parts.recorder, monitor_job_config(monitor, job),
                                      &job->watch.memory, &first->observation.change, &first->record) >= 0;
        }
        if (recorder_commit(monitor->parts.recorder) < 0)
                for (size_t i = 0; i < slot->request.count; i++)
                        if (slot->rows[i].first != NULL)
                                slot->rows[i].first->taken = false;
}

void batch_apply_rows(struct slot *slot)
{
        struct monitor *monitor = slot->monitor;
        struct planner *planner = monitor->planner;
        uint64_t now = monitor_now_us(monitor);

        planner_take_batch(planner, slot->seen_result);
        apply_first(slot);
        for (size_t i = 0; i < slot->request.count; i++) {
                struct planner_job *job = slot->request.jobs[i];
                const struct row *row = &slot->rows[i];

                if (row->verdict == ROW_UNCHANGED || is_first(row))
                        monitor_note_answered(monitor, job);
                if (row->verdict == ROW_UNCHANGED)
                        monitor_report(monitor, job, "as before (%s)",
                                       outcome_to_string(job->watch.memory.outcome));
                if (is_first(row))
                        planner_complete(planner, job, &row->first->observation, row->first->taken,
                                         &row->first->seen, now, random_u64());
                else
                        planner_apply_row(planner, job, row->verdict, row->updated, now, random_u64());
        }
}

void batch_clear_rows(struct slot *slot)
{
        for (size_t i = 0; slot->rows != NULL && i < slot->request.count; i++)
                first_observation_free(slot->rows[i].first);
        free(slot->rows);
        slot->rows = NULL;
}
