/* SPDX-License-Identifier: MIT */

/*
 * Deliveries: the events that each hook still has to receive.
 *
 * Only the first pending delivery of each job and hook may start; the index deliveries_pending (hook, job,
 * id) finds an earlier one directly. Deliveries in progress are not stored, since none survives a crash: the
 * caller passes their ids. They are still pending, so later ones of the same job and hook wait.
 */

#include <errno.h>
#include <string.h>

#include "state/sqlite/row.h"
#include "state/sqlite/transaction.h"

/* Bytes of an error text; the complete text is in the journal. */
#define ERROR_SIZE_MAX 1024

static bool is_busy(uint64_t id, const uint64_t busy[], size_t busy_count)
{
        size_t low = 0, high = busy_count;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (busy[middle] == id)
                        return true;
                if (busy[middle] < id)
                        low = middle + 1;
                else
                        high = middle;
        }
        return false;
}

/* Starts a query for the first pending deliveries of a hook that are due, longest due first. */
static int due_begin(struct state *state, const char *hook, uint64_t now_us, sqlite3_stmt **ret_statement)
{
        sqlite3_stmt *statement;

        int r = state_statement(state, STATEMENT_DELIVERY_DUE, &statement);
        if (r < 0)
                return r;
        (void)sqlite3_bind_text(statement, 1, hook, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int64(statement, 2, now_us > INT64_MAX ? INT64_MAX : (sqlite3_int64)now_us);
        *ret_statement = statement;
        return 0;
}

static int delivery_read(struct state *state, sqlite3_stmt *statement, struct delivery *ret_delivery)
{
        struct delivery delivery = { 0 };

        struct row_reader row = row_read(statement);
        delivery.id = row_read_number(&row);
        row_read_string(&row, delivery.event_id, sizeof(delivery.event_id));
        delivery.job_id = row_read_number(&row);
        delivery.attempts = (unsigned)row_read_number(&row);
        delivery.next_us = row_read_number(&row);
        if (row.error == -EUCLEAN)
                return state_fail(state, -EUCLEAN, "a delivery in the database is damaged");
        if (row.error < 0)
                return state_fail(state, -ENOMEM, "out of memory");

        *ret_delivery = delivery;
        return 0;
}

int state_due_deliveries(struct state *state, const char *hook, uint64_t now_us, const uint64_t busy[],
                         size_t busy_count, struct delivery ret_deliveries[], size_t max)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;
        size_t count = 0;

        int r = due_begin(state, hook, now_us, &statement);
        while (r >= 0 && count < max) {
                r = state_step(state, statement);
                if (r <= 0)
                        break;
                if (is_busy((uint64_t)sqlite3_column_int64(statement, 0), busy, busy_count))
                        continue;
                r = delivery_read(state, statement, &ret_deliveries[count]);
                if (r >= 0)
                        count++;
        }

        return r < 0 ? r : (int)count;
}

int state_next_delivery(struct state *state, const char *hook, const uint64_t busy[], size_t busy_count,
                        uint64_t *ret_us)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;
        uint64_t earliest_us = 0;
        bool found = false;

        int r = due_begin(state, hook, UINT64_MAX, &statement);
        if (r < 0)
                return r;
        while ((r = state_step(state, statement)) > 0) {
                uint64_t next_us = (uint64_t)sqlite3_column_int64(statement, 4);
                if (is_busy((uint64_t)sqlite3_column_int64(statement, 0), busy, busy_count))
                        continue;
                if (!found || next_us < earliest_us)
                        earliest_us = next_us;
                found = true;
        }
        if (r < 0 || !found)
                return r;

        *ret_us = earliest_us;
        return 1;
}

/* ---- the end of an attempt ---- */

static void bind_error(sqlite3_stmt *statement, int index, const char *error)
{
        if (error != NULL)
                (void)sqlite3_bind_text(statement, index, error,
                                        (int)text_cut(error, strlen(error), ERROR_SIZE_MAX), SQLITE_STATIC);
}

/* Runs an update of one delivery. */
static int delivery_update(struct state *state, sqlite3_stmt *statement)
{
        int r = state_write_begin(state);
        if (r < 0)
                return r;

        r = state_step(state, statement);
        if (r >= 0 && sqlite3_changes(state->database) == 0)
                r = state_fail(state, -ENOENT, "no such pending delivery");
        (void)sqlite3_reset(statement);
        return state_write_end(state, r);
}

static int delivery_end(struct state *state, uint64_t delivery_id, const char *new_state, uint64_t now_us,
                        const char *error)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;

        int r = state_statement(state, STATEMENT_DELIVERY_END, &statement);
        if (r < 0)
                return r;
        (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)delivery_id);
        (void)sqlite3_bind_text(statement, 2, new_state, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int64(statement, 3, (sqlite3_int64)now_us);
        bind_error(statement, 4, error);
        return delivery_update(state, statement);
}

int state_delivery_done(struct state *state, uint64_t delivery_id, uint64_t now_us)
{
        return delivery_end(state, delivery_id, "done", now_us, NULL);
}

int state_delivery_failed(struct state *state, uint64_t delivery_id, uint64_t now_us, const char *error)
{
        return delivery_end(state, delivery_id, "failed", now_us, error);
}

int state_delivery_retry(struct state *state, uint64_t delivery_id, uint64_t now_us, uint64_t delay_us,
                         const char *error)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;

        int r = state_statement(state, STATEMENT_DELIVERY_RETRY, &statement);
        if (r < 0)
                return r;
        (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)delivery_id);
        (void)sqlite3_bind_int64(statement, 2, (sqlite3_int64)now_us);
        (void)sqlite3_bind_int64(statement, 3, (sqlite3_int64)delay_us);
        bind_error(statement, 4, error);
        return delivery_update(state, statement);
}

int state_rebase_deliveries(struct state *state, const char *hook, uint64_t now_us, uint64_t delay_max_us)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;

        int r = state_statement(state, STATEMENT_DELIVERY_REBASE, &statement);
        if (r < 0)
                return r;
        (void)sqlite3_bind_text(statement, 1, hook, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int64(statement, 2, (sqlite3_int64)now_us);
        (void)sqlite3_bind_int64(statement, 3, (sqlite3_int64)delay_max_us);
        r = state_write_begin(state);
        if (r < 0)
                return r;
        r = state_step(state, statement);
        (void)sqlite3_reset(statement);
        return state_write_end(state, r);
}

/* ---- counting ---- */

int state_count_pending(struct state *state, const char *hook, uint64_t *ret_count)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;

        int r = state_statement(state, STATEMENT_DELIVERY_COUNT, &statement);
        if (r < 0)
                return r;
        (void)sqlite3_bind_text(statement, 1, hook, -1, SQLITE_STATIC);
        r = state_step(state, statement);
        if (r < 0)
                return r;
        *ret_count = (uint64_t)sqlite3_column_int64(statement, 0);
        return 0;
}

int state_each_failed_delivery(struct state *state, failed_delivery_handler handler, void *userdata)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;

        int r = state_statement(state, STATEMENT_DELIVERY_FAILED, &statement);
        if (r < 0)
                return r;
        while ((r = state_step(state, statement)) > 0) {
                const char *hook = (const char *)sqlite3_column_text(statement, 1);
                if (hook == NULL)
                        return state_fail(state, -ENOMEM, "out of memory");
                handler(userdata, (uint64_t)sqlite3_column_int64(statement, 0), hook);
        }
        return r;
}

int state_each_pending_hook(struct state *state, pending_hook_handler handler, void *userdata)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;

        int r = state_statement(state, STATEMENT_DELIVERY_HOOKS, &statement);
        if (r < 0)
                return r;
        while ((r = state_step(state, statement)) > 0) {
                const char *hook = (const char *)sqlite3_column_text(statement, 0);
                if (hook == NULL)
                        return state_fail(state, -ENOMEM, "out of memory");
                handler(userdata, hook, (uint64_t)sqlite3_column_int64(statement, 1));
        }
        return r;
}
