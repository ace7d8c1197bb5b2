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
static int due_begin(struct store *store, const char *hook, uint64_t now_us, sqlite3_stmt **ret_statement)
{
        sqlite3_stmt *statement;

        int r = store_statement(store, STATEMENT_DELIVERY_DUE, &statement);
        if (r < 0)
                return r;
        (void)sqlite3_bind_text(statement, 1, hook, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int64(statement, 2, now_us > INT64_MAX ? INT64_MAX : (sqlite3_int64)now_us);
        *ret_statement = statement;
        return 0;
}

static int delivery_read(struct store *store, sqlite3_stmt *statement, struct delivery *ret_delivery)
{
        struct delivery delivery = { 0 };

        struct row_reader row = row_read(statement);
        delivery.id = row_read_number(&row);
        row_read_string(&row, delivery.event_id, sizeof(delivery.event_id));
        delivery.job_id = row_read_number(&row);
        delivery.attempts = (unsigned)row_read_number(&row);
        delivery.next_us = row_read_number(&row);
        if (row.error == -EUCLEAN)
                return store_fail(store, -EUCLEAN, "a delivery in the database is damaged");
        if (row.error < 0)
                return store_fail(store, -ENOMEM, "out of memory");

        *ret_delivery = delivery;
        return 0;
}

int store_due_deliveries(struct store *store, const char *hook, uint64_t now_us, const uint64_t busy[],
                         size_t busy_count, struct delivery ret_deliveries[], size_t max)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;
        size_t count = 0;

        int r = due_begin(store, hook, now_us, &statement);
        while (r >= 0 && count < max) {
                r = store_step(store, statement);
                if (r <= 0)
                        break;
                if (is_busy((uint64_t)sqlite3_column_int64(statement, 0), busy, busy_count))
                        continue;
                r = delivery_read(store, statement, &ret_deliveries[count]);
                if (r >= 0)
                        count++;
        }

        return r < 0 ? r : (int)count;
}

int store_next_delivery(struct store *store, const char *hook, const uint64_t busy[], size_t busy_count,
                        uint64_t *ret_us)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;
        uint64_t earliest_us = 0;
        bool found = false;

        int r = due_begin(store, hook, UINT64_MAX, &statement);
        if (r < 0)
                return r;
        while ((r = store_step(store, statement)) > 0) {
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
static int delivery_update(struct store *store, sqlite3_stmt *statement)
{
        int r = store_write_begin(store);
        if (r < 0)
                return r;

        r = store_step(store, statement);
        if (r >= 0 && sqlite3_changes(store->database) == 0)
                r = store_fail(store, -ENOENT, "no such pending delivery");
        (void)sqlite3_reset(statement);
        return store_write_end(store, r);
}

static int delivery_end(struct store *store, uint64_t delivery_id, const char *new_state, uint64_t now_us,
                        const char *error)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;

        int r = store_statement(store, STATEMENT_DELIVERY_END, &statement);
        if (r < 0)
                return r;
        (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)delivery_id);
        (void)sqlite3_bind_text(statement, 2, new_state, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int64(statement, 3, (sqlite3_int64)now_us);
        bind_error(statement, 4, error);
        return delivery_update(store, statement);
}

int store_delivery_done(struct store *store, uint64_t delivery_id, uint64_t now_us)
{
        return delivery_end(store, delivery_id, "done", now_us, NULL);
}

int store_delivery_failed(struct store *store, uint64_t delivery_id, uint64_t now_us, const char *error)
{
        return delivery_end(store, delivery_id, "failed", now_us, error);
}

int store_delivery_retry(struct store *store, uint64_t delivery_id, uint64_t now_us, uint64_t delay_us,
                         const char *error)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;

        int r = store_statement(store, STATEMENT_DELIVERY_RETRY, &statement);
        if (r < 0)
                return r;
        (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)delivery_id);
        (void)sqlite3_bind_int64(statement, 2, (sqlite3_int64)now_us);
        (void)sqlite3_bind_int64(statement, 3, (sqlite3_int64)delay_us);
        bind_error(statement, 4, error);
        return delivery_update(store, statement);
}

int store_rebase_deliveries(struct store *store, const char *hook, uint64_t now_us, uint64_t delay_max_us)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;

        int r = store_statement(store, STATEMENT_DELIVERY_REBASE, &statement);
        if (r < 0)
                return r;
        (void)sqlite3_bind_text(statement, 1, hook, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int64(statement, 2, (sqlite3_int64)now_us);
        (void)sqlite3_bind_int64(statement, 3, (sqlite3_int64)delay_max_us);
        r = store_write_begin(store);
        if (r < 0)
                return r;
        r = store_step(store, statement);
        (void)sqlite3_reset(statement);
        return store_write_end(store, r);
}

/* ---- counting ---- */

int store_count_pending(struct store *store, const char *hook, uint64_t *ret_count)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;

        int r = store_statement(store, STATEMENT_DELIVERY_COUNT, &statement);
        if (r < 0)
                return r;
        (void)sqlite3_bind_text(statement, 1, hook, -1, SQLITE_STATIC);
        r = store_step(store, statement);
        if (r < 0)
                return r;
        *ret_count = (uint64_t)sqlite3_column_int64(statement, 0);
        return 0;
}

int store_each_failed_delivery(struct store *store, failed_delivery_handler handler, void *userdata)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;

        int r = store_statement(store, STATEMENT_DELIVERY_FAILED, &statement);
        if (r < 0)
                return r;
        while ((r = store_step(store, statement)) > 0) {
                const char *hook = (const char *)sqlite3_column_text(statement, 1);
                if (hook == NULL)
                        return store_fail(store, -ENOMEM, "out of memory");
                handler(userdata, (uint64_t)sqlite3_column_int64(statement, 0), hook);
        }
        return r;
}

int store_each_pending_hook(struct store *store, pending_hook_handler handler, void *userdata)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;

        int r = store_statement(store, STATEMENT_DELIVERY_HOOKS, &statement);
        if (r < 0)
                return r;
        while ((r = store_step(store, statement)) > 0) {
                const char *hook = (const char *)sqlite3_column_text(statement, 0);
                if (hook == NULL)
                        return store_fail(store, -ENOMEM, "out of memory");
                handler(userdata, hook, (uint64_t)sqlite3_column_int64(statement, 1));
        }
        return r;
}
