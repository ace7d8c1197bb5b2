/* SPDX-License-Identifier: MIT */

/*
 * Events, and which of them have not been logged.
 *
 * An event is a snapshot of its job; its results are in a table of their own (texts.h). An event is logged
 * when its row in `unlogged` has been deleted (marks.h).
 *
 * The sequence number is the rowid: SQLite gives a new row the highest one plus 1. The latest event is
 * therefore never pruned, or its number would be given again.
 */

#include <errno.h>
#include <string.h>

#include "state/sqlite/jobs.h"
#include "state/sqlite/marks.h"
#include "state/sqlite/room.h"
#include "state/sqlite/row.h"
#include "state/sqlite/texts.h"
#include "state/sqlite/transaction.h"

/* ---- writing ---- */

static int event_write(struct state *state, const struct event *event, struct text_digest result)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;
        struct text_digest before = text_digest(&event->result_before);

        int r = state_text_write(state, event->record.id, &event->record.result, result);
        if (r >= 0)
                r = state_text_write(state, event->record.id, &event->result_before, before);
        if (r >= 0)
                r = state_statement(state, STATEMENT_EVENT_PUT, &statement);
        if (r < 0)
                return r;

        struct row_writer row = row_write(statement);
        row_write_string(&row, event->id);
        row_write_string(&row, event_kind_to_string(event->kind));
        row_write_string(&row, outcome_to_string(event->outcome));
        row_write_number(&row, event->time_us);
        row_write_number(&row, event->record.id);
        row_write_number(&row, event->first_observation);
        row_write_text(&row, &event->job_name);
        row_write_record(&row, &event->record);
        row_write_text(&row, &event->status_before);
        row_write_number(&row, result.hash);
        row_write_number(&row, result.size);
        row_write_number(&row, before.hash);
        row_write_number(&row, before.size);
        row_write_sum(&row);
        r = row_write_end(state, &row);
        if (r == -EEXIST)
                return state_fail(state, r, "an event with this ID is already recorded");
        return r;
}

static int unlogged_write(struct state *state, int64_t sequence)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;

        int r = state_statement(state, STATEMENT_UNLOGGED_PUT, &statement);
        if (r < 0)
                return r;
        (void)sqlite3_bind_int64(statement, 1, sequence);
        return state_step(state, statement);
}

static int delivery_write(struct state *state, int64_t sequence, const struct event *event, const char *hook)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;

        int r = state_statement(state, STATEMENT_DELIVERY_PUT, &statement);
        if (r < 0)
                return r;

        struct row_writer row = row_write(statement);
        row_write_number(&row, (uint64_t)sequence);
        row_write_number(&row, event->record.id);
        row_write_string(&row, hook);
        row_write_number(&row, 0); /* due at once, even if the clock is set back */
        return row_write_end(state, &row);
}

/* Writes the job's new state. */
static int event_apply(struct state *state, const struct event *event, struct text_digest result)
{
        CLEANUP(job_row_clear) struct job_row before = { 0 };
        struct stored_job job = {
                .id = event->record.id,
                .outcome = event->outcome,
                .result = result,
                .changed_us = event->time_us,
                .stalled = event->kind == EVENT_STALLED,
        };

        int known = state_job_read(state, job.id, &before);
        if (known < 0 && known != -EUCLEAN)
                return known;
        if (known > 0 && event->kind == EVENT_STALLED)
                job.changed_us = before.job.changed_us;
        return state_job_write(state, &job, &event->record);
}

static int event_record(struct state *state, const struct event *event, const char *const hooks[],
                        size_t hook_count, int64_t *ret_sequence)
{
        struct text_digest result = text_digest(&event->record.result);

        int r = state_make_room(state, event->record.result.size);
        if (r >= 0)
                r = event_write(state, event, result);
        if (r < 0)
                return r;

        int64_t sequence = *ret_sequence = sqlite3_last_insert_rowid(state->database);
        r = unlogged_write(state, sequence);
        for (size_t i = 0; r >= 0 && i < hook_count; i++)
                r = delivery_write(state, sequence, event, hooks[i]);
        if (r < 0)
                return r;
        return event_apply(state, event, result);
}

int state_record_event(struct state *state, struct event *event, const char *const hooks[], size_t hook_count)
{
        int64_t sequence = 0;
        int r;

        /* On a full disk, the end of the first write has made room. */
        for (unsigned attempt = 0; attempt < 2; attempt++) {
                r = state_write_begin(state);
                if (r < 0)
                        return r;
                r = state_write_end(state, event_record(state, event, hooks, hook_count, &sequence));
                if (r != -ENOSPC || state->in_batch)
                        break;
        }
        if (r >= 0)
                event->sequence = (uint64_t)sequence;
        return r;
}

/* ---- reading ---- */

static int event_read(struct state *state, int64_t sequence, struct event *ret_event)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;
        CLEANUP(event_clear) struct event event = { 0 };
        struct text_digest result, before;
        char kind[16], outcome[16];

        int r = state_statement(state, STATEMENT_EVENT_GET, &statement);
        if (r < 0)
                return r;
        (void)sqlite3_bind_int64(statement, 1, sequence);
        r = state_step(state, statement);
        if (r <= 0)
                return r;

        event.sequence = (uint64_t)sequence;
        struct row_reader row = row_read(statement);
        row_read_string(&row, event.id, sizeof(event.id));
        row_read_string(&row, kind, sizeof(kind));
        row_read_string(&row, outcome, sizeof(outcome));
        event.time_us = row_read_number(&row);
        event.record.id = row_read_number(&row);
        event.first_observation = row_read_number(&row) != 0;
        row_read_text(&row, &event.job_name);
        row_read_record(&row, &event.record);
        row_read_text(&row, &event.status_before);
        result.hash = row_read_number(&row);
        result.size = row_read_number(&row);
        before.hash = row_read_number(&row);
        before.size = row_read_number(&row);
        r = row_read_end(state, &row);
        if (r < 0)
                return r;

        if (!event_kind_from_string(kind, &event.kind) || !outcome_from_string(outcome, &event.outcome))
                return state_fail(state, -EUCLEAN, "an event in the database has an unknown kind or outcome");
        r = state_text_read(state, event.record.id, result, &event.record.result, &event.result_size);
        if (r >= 0)
                r = state_text_read(state, event.record.id, before, &event.result_before,
                                    &event.result_before_size);
        if (r < 0)
                return r;

        *ret_event = event;
        event = (struct event){ 0 };
        return 1;
}

/* Returns 1 and the sequence number of an event, or 0. */
static int event_find(struct state *state, const char *event_id, int64_t *ret_sequence)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;

        int r = state_statement(state, STATEMENT_EVENT_FIND, &statement);
        if (r < 0)
                return r;
        (void)sqlite3_bind_text(statement, 1, event_id, -1, SQLITE_STATIC);
        r = state_step(state, statement);
        if (r > 0)
                *ret_sequence = sqlite3_column_int64(statement, 0);
        return r;
}

int state_get_event(struct state *state, const char *event_id, struct event *ret_event)
{
        CLEANUP(event_clear) struct event event = { 0 };
        int64_t sequence = 0;

        int r = event_find(state, event_id, &sequence);
        if (r <= 0)
                return r;
        r = event_read(state, sequence, &event);
        if (r <= 0)
                return r;
        if (strcmp(event.id, event_id) != 0) /* the index refers to another row */
                return state_fail(state, -EUCLEAN,
                                  "the database is damaged: an index does not match its table");

        *ret_event = event;
        event = (struct event){ 0 };
        return 1;
}

/* ---- logged or not ---- */

/* Returns 1 and the next unlogged event after *sequence, or 0. */
static int unlogged_next(struct state *state, int64_t *sequence)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;

        int r = state_statement(state, STATEMENT_UNLOGGED_NEXT, &statement);
        if (r < 0)
                return r;
        (void)sqlite3_bind_int64(statement, 1, *sequence);
        r = state_step(state, statement);
        if (r > 0)
                *sequence = sqlite3_column_int64(statement, 0);
        return r;
}

int state_each_unlogged(struct state *state, event_handler handler, void *userdata)
{
        int64_t sequence = 0;
        int damaged = 0;

        /* No statement is open while the handler runs, so it may call other functions. */
        for (;;) {
                int r = unlogged_next(state, &sequence);
                if (r < 0)
                        return r;
                if (r == 0)
                        return damaged;

                CLEANUP(event_clear) struct event event = { 0 };
                r = event_read(state, sequence, &event);
                if (r == -EUCLEAN) {
                        damaged = r; /* skipped, and reported at the end */
                        continue;
                }
                if (r < 0)
                        return r;
                if (r == 0 || mark_is_pending(state, event.id))
                        continue;
                r = handler(userdata, &event);
                if (r < 0)
                        return r;
        }
}

/* Writes the pending marks. In a batch they are part of its transaction and are lost if it fails. */
static int marks_flush(struct state *state)
{
        int r = state_write_begin(state);
        if (r < 0)
                return r;
        r = state_write_end(state, state->in_batch ? marks_write(state) : 0);
        if (r >= 0)
                marks_clear(state);
        return r;
}

int state_mark_logged(struct state *state, const char *const event_ids[], size_t count)
{
        for (size_t i = 0; i < count; i++) {
                if (strlen(event_ids[i]) >= EVENT_ID_SIZE)
                        return state_fail(state, -EINVAL, "an event ID is too long");
                if (mark_is_pending(state, event_ids[i]))
                        continue;
                if (state->mark_count == STATE_MARKS_MAX) {
                        int r = marks_flush(state);
                        if (r < 0)
                                return r;
                }
                mark_add(state, event_ids[i]);
        }
        return 0;
}
