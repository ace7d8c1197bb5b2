/* SPDX-License-Identifier: MIT */

/*
 * Events, and which of them have not been logged.
 *
 * An event is a snapshot of its job; its results are in a table of their own (texts.h). An event is logged
 * when its row in `unlogged` has been deleted.
 *
 * The sequence number is given by the engine. SQLite gives a new row the highest one plus 1. The latest event
 * is therefore never pruned, or its number would be given again.
 */

#include "state/sql/events.h"

#include <errno.h>
#include <string.h>

#include "state/sql/jobs.h"
#include "state/sql/room.h"
#include "state/sql/row.h"
#include "state/sql/texts.h"
#include "state/sql/transaction.h"

/* ---- writing ---- */

static int event_write(struct store *store, const struct event *event, struct text_digest result)
{
        CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_EVENT_PUT);
        struct text_digest before = text_digest(&event->result_before);

        int r = store_text_write(store, event->record.id, &event->record.result, result);
        if (r >= 0)
                r = store_text_write(store, event->record.id, &event->result_before, before);
        if (r < 0)
                return r;

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
        row_write_text(&row, &event->discover);
        r = row_step(&row);
        if (r == -EEXIST)
                return store_fail(store, r, "an event with this ID is already recorded");
        return r;
}

static int delivery_write(struct store *store, const struct event *event, const char *hook)
{
        CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_DELIVERY_PUT);

        row_write_number(&row, event->sequence);
        row_write_number(&row, event->record.id);
        row_write_string(&row, hook);
        row_write_number(&row, 0); /* due at once, even if the clock is set back */
        return row_step(&row);
}

static int event_record(struct store *store, struct event *event, const char *const hooks[],
                        size_t hook_count, uint64_t ret_deliveries[])
{
        struct text_digest result = text_digest(&event->record.result);

        int r = store_make_room(store, event->record.result.size);
        if (r >= 0)
                r = event_write(store, event, result);
        if (r < 0)
                return r;

        event->sequence = store->last_id;
        for (size_t i = 0; r >= 0 && i < hook_count; i++) {
                r = delivery_write(store, event, hooks[i]);
                if (r >= 0 && ret_deliveries != NULL)
                        ret_deliveries[i] = store->last_id;
        }
        if (r < 0 || event_kind_is_of_api(event->kind))
                return r;
        const struct stored_job job = {
                .id = event->record.id,
                .outcome = event->outcome,
                .result = result,
                .changed_us = event->time_us,
                .stalled = event->kind == EVENT_STALLED,
        };
        return store_job_write(store, &job, &event->record);
}

int store_record_event(struct store *store, struct event *event, const char *const hooks[], size_t hook_count,
                       uint64_t ret_deliveries[])
{
        return STORE_WRITE(store, event_record(store, event, hooks, hook_count, ret_deliveries));
}

/* The names of the sections that discovered a job, which the caller clears; null if none did. */
static int read_sections(struct store *store, uint64_t job, struct text *ret_sections)
{
        CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_DISCOVERED_GET);

        row_write_number(&row, job);
        int r = row_step(&row);
        if (r <= 0)
                return r;
        row_read_text(&row, ret_sections);
        return row_read_end(&row);
}

int store_fill_event(struct store *store, struct event *event)
{
        CLEANUP(job_record_clear) struct job_record known = { 0 };
        uint64_t id = event->record.id;

        int r = store_get_job_record(store, id, &known);
        if (r < 0 && r != -EUCLEAN) /* what is damaged is unknown, and replaced */
                return r;
        event->first_observation = r == 0;
        text_clear(&event->status_before);
        text_clear(&event->result_before);
        text_clear(&event->discover);
        r = read_sections(store, id, &event->discover);
        if (r < 0 && r != -EUCLEAN)
                return r;
        if (event->kind == EVENT_GONE) {
                text_copy(&known.status, &event->status_before);
                text_copy(&known.result, &event->result_before);
                job_record_clear(&event->record);
                event->record = known;
                event->record.id = id;
                known = (struct job_record){ 0 };
        } else {
                event->status_before = known.status;
                event->result_before = known.result;
                known.status = known.result = TEXT_NULL;
        }
        return 0;
}

/* ---- reading ---- */

static int read_results(struct store *store, struct event *event, struct text_digest result,
                        struct text_digest before, size_t result_max)
{
        uint64_t id = event->record.id;

        if (result_max != RESULT_WHOLE) {
                event->result_size = result.size != UINT64_MAX ? result.size : 0;
                event->result_before_size = before.size != UINT64_MAX ? before.size : 0;
                return store_text_read_head(store, id, result, result_max, &event->record.result);
        }
        int r = store_text_read(store, id, result, &event->record.result, &event->result_size);
        return r < 0 ? r
                     : store_text_read(store, id, before, &event->result_before, &event->result_before_size);
}

int store_event_read(struct row *row, size_t result_max, struct event *ret_event)
{
        CLEANUP(event_clear) struct event event = { 0 };
        struct text_digest result, before;
        char kind[16], outcome[16];

        event.sequence = row_read_number(row);
        row_read_string(row, event.id, sizeof(event.id));
        row_read_string(row, kind, sizeof(kind));
        row_read_string(row, outcome, sizeof(outcome));
        event.time_us = row_read_number(row);
        event.record.id = row_read_number(row);
        event.first_observation = row_read_number(row) != 0;
        row_read_text(row, &event.job_name);
        row_read_record(row, &event.record);
        row_read_text(row, &event.status_before);
        result.hash = row_read_number(row);
        result.size = row_read_number(row);
        before.hash = row_read_number(row);
        before.size = row_read_number(row);
        row_read_text(row, &event.discover);
        int r = row_read_end(row);
        if (r < 0)
                return r;

        if (!event_kind_from_string(kind, &event.kind) || !outcome_from_string(outcome, &event.outcome))
                return store_fail(row->store, -EUCLEAN,
                                  "an event in the database has an unknown kind or outcome");
        r = read_results(row->store, &event, result, before, result_max);
        if (r < 0)
                return r;

        *ret_event = event;
        event = (struct event){ 0 };
        return 0;
}

/* Reads the event in the next row of a statement. Returns 1 and *ret_event, or 0 without a row. */
static int event_read(struct row *row, struct event *ret_event)
{
        int r = row_step(row);
        if (r <= 0)
                return r;
        r = store_event_read(row, RESULT_WHOLE, ret_event);
        return r < 0 ? r : 1;
}

int store_get_event(struct store *store, const char *event_id, struct event *ret_event)
{
        CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_EVENT_GET);
        CLEANUP(event_clear) struct event event = { 0 };

        row_write_string(&row, event_id);
        int r = event_read(&row, &event);
        if (r <= 0)
                return r;
        if (strcmp(event.id, event_id) != 0) /* not found by the checks of a file that is opened */
                return store_fail(store, -EUCLEAN, "an index of the database is damaged");

        *ret_event = event;
        event = (struct event){ 0 };
        return 1;
}

/* ---- logged or not ---- */

/*
 * Reads the first unlogged event after *sequence, and sets *sequence to its number even if it is damaged.
 * Returns 1, or 0 if there is none.
 */
static int unlogged_next(struct store *store, uint64_t *sequence, struct event *ret_event)
{
        CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_EVENT_UNLOGGED);

        row_write_number(&row, *sequence);
        int r = event_read(&row, ret_event);
        row_key(&row, sequence);
        return r;
}

int store_each_unlogged(struct store *store, uint64_t after, event_handler handler, void *userdata)
{
        int damaged = 0;

        /* No statement is open while the handler runs, so it may call other functions. */
        for (;;) {
                CLEANUP(event_clear) struct event event = { 0 };
                uint64_t before = after;

                int r = unlogged_next(store, &after, &event);
                if (r == -EUCLEAN && after > before) {
                        damaged = r; /* skipped, and reported at the end */
                        continue;
                }
                if (r == 0)
                        return damaged;
                if (r > 0)
                        r = handler(userdata, &event);
                if (r < 0)
                        return r;
        }
}

static int unlogged_delete(struct store *store, const char *const event_ids[], size_t count)
{
        int r = 0;

        for (size_t i = 0; r >= 0 && i < count; i++) {
                CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_UNLOGGED_DELETE);

                row_write_string(&row, event_ids[i]);
                r = row_step(&row);
        }
        return r;
}

int store_mark_logged(struct store *store, const char *const event_ids[], size_t count)
{
        return STORE_WRITE(store, unlogged_delete(store, event_ids, count));
}
