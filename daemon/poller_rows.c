/* SPDX-License-Identifier: MIT */

/*
 * Rows of a batch: judged one by one as they come in, so that no more than the verdict is kept of most, and
 * applied when the document is whole. Jobs that are seen for the first time are recorded together, in one
 * transaction.
 */

#include "host/chance.h"
#include "poller_internal.h"

#include <stdlib.h>

/* A first sight is kept until the batch is over only if it is small; a larger one is fetched again singly. */
#define FIRST_RESULT_MAX 4096

/* The place of the row's job in the request, or -1 if nobody asked for it. */
static ssize_t find_place(struct flight *flight, uint64_t id)
{
        const struct planner_request *request = &flight->request;

        for (size_t i = 0; i < request->count; i++) {
                size_t place = (flight->expected + i) % request->count;

                if (request->jobs[place]->id == id) {
                        flight->expected = place + 1;
                        return (ssize_t)place;
                }
        }
        return -1;
}

/* The row itself is a record that can be believed. */
static bool is_first(const struct row *row)
{
        return row->verdict == ROW_FIRST || row->verdict == ROW_GLIMPSE;
}

/* Takes the record over; NULL without memory. */
static struct first_sight *first_sight_new(struct job_record *record, bool has_result)
{
        struct first_sight *first = calloc(1, sizeof(*first));

        if (first != NULL) {
                first->record = *record;
                first->record.has_result = has_result;
                *record = (struct job_record){ 0 };
        }
        return first;
}

struct first_sight *first_sight_free(struct first_sight *first)
{
        if (first != NULL)
                job_record_clear(&first->record);
        free(first);
        return NULL;
}

void flight_take_row(struct flight *flight, struct job_record *record)
{
        struct poller *poller = flight->poller;
        ssize_t place = find_place(flight, record->id);

        if (place < 0)
                return;
        struct row *row = &flight->rows[place];
        row->first = first_sight_free(row->first);

        row->verdict = planner_judge_row(poller->planner, flight->request.jobs[place], record,
                                         poller_now_us(poller));
        row->updated = updated_on_digest(record);
        flight->seen_result |= record->result.data != NULL;

        if (is_first(row) && record->result.size <= FIRST_RESULT_MAX)
                row->first = first_sight_new(record, row->verdict == ROW_FIRST);
        if (is_first(row) && row->first == NULL)
                row->verdict = ROW_CLOSER;
}

static bool has_first(const struct flight *flight)
{
        for (size_t i = 0; i < flight->request.count; i++)
                if (is_first(&flight->rows[i]))
                        return true;
        return false;
}

/* Jobs seen for the first time: all of them recorded, or none. */
static void apply_first(struct flight *flight)
{
        struct poller *poller = flight->poller;
        uint64_t now = poller_now_us(poller);

        if (!has_first(flight) || recorder_begin(poller->parts.recorder) < 0)
                return;
        for (size_t i = 0; i < flight->request.count; i++) {
                struct planner_job *job = flight->request.jobs[i];
                struct first_sight *first = flight->rows[i].first;

                if (first == NULL)
                        continue;
                first->sight = planner_take_record(poller->planner, job, &first->record, now);
                first->seen = job_memory_of(&first->record, first->sight.change.outcome);
                poller_report_record(poller, job, &first->record.status, first->sight.change.outcome);
                if (first->sight.change.unknown_status)
                        recorder_note_unknown_status(poller->parts.recorder, poller_job_config(poller, job),
                                                     &first->record.status);
                first->taken = recorder_take(poller->parts.recorder, poller_job_config(poller, job),
                                             &job->watch.memory, &first->sight.change, &first->record) >= 0;
        }
        if (recorder_commit(poller->parts.recorder) < 0)
                for (size_t i = 0; i < flight->request.count; i++)
                        if (flight->rows[i].first != NULL)
                                flight->rows[i].first->taken = false;
}

void flight_apply_rows(struct flight *flight)
{
        struct poller *poller = flight->poller;
        struct planner *planner = poller->planner;
        uint64_t now = poller_now_us(poller);

        planner_take_batch(planner, flight->seen_result);
        apply_first(flight);
        for (size_t i = 0; i < flight->request.count; i++) {
                struct planner_job *job = flight->request.jobs[i];
                const struct row *row = &flight->rows[i];

                if (row->verdict == ROW_SAME || is_first(row))
                        poller_note_answered(poller, job);
                if (row->verdict == ROW_SAME)
                        poller_report(poller, job, "as before (%s)",
                                      outcome_to_string(job->watch.memory.outcome));
                if (is_first(row))
                        planner_settle(planner, job, &row->first->sight, row->first->taken, &row->first->seen,
                                       now, chance_number());
                else
                        planner_apply_row(planner, job, row->verdict, row->updated, now, chance_number());
        }
}

void flight_clear_rows(struct flight *flight)
{
        for (size_t i = 0; flight->rows != NULL && i < flight->request.count; i++)
                first_sight_free(flight->rows[i].first);
        free(flight->rows);
        flight->rows = NULL;
}
