/* SPDX-License-Identifier: MIT */

/*
 * Deliveries: the events that each hook still has to receive. Which of them are in progress is not stored,
 * since none of those survives a crash.
 */

#include <errno.h>
#include <string.h>

#include "state/sqlite/row.h"
#include "state/sqlite/transaction.h"

/* Bytes of an error text; the complete text is in the journal. */
#define ERROR_SIZE_MAX 1024

static int delivery_read(struct store *store, sqlite3_stmt *statement, struct delivery *ret_delivery)
{
        struct delivery delivery = { 0 };

        struct row_reader row = row_read(statement);
        delivery.id = row_read_number(&row);
        row_read_string(&row, delivery.event_id, sizeof(delivery.event_id));
        delivery.job_id = row_read_number(&row);
        delivery.attempts = (unsigned)row_read_number(&row);
        delivery.next_us = row_read_number(&row);
        delivery.delay_us = row_read_number(&row);
        int r = row_read_end(store, &row);
        if (r < 0)
                return r;

        *ret_delivery = delivery;
        return 0;
}

int store_pending_deliveries(struct store *store, const char *hook, uint64_t after,
                             struct delivery ret_deliveries[], size_t max)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;
        size_t count = 0;

        int r = store_statement(store, STATEMENT_DELIVERY_PENDING, &statement);
        if (r < 0)
                return r;
        (void)sqlite3_bind_text(statement, 1, hook, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int64(statement, 2, (sqlite3_int64)after);
        while (count < max && (r = store_step(store, statement)) > 0) {
                r = delivery_read(store, statement, &ret_deliveries[count]);
                if (r < 0)
                        return r;
                count++;
        }
        return r < 0 ? r : (int)count;
}

/* ---- the end of an attempt ---- */

static int delivery_end(struct store *store, uint64_t delivery_id, const char *new_state, uint64_t now_us,
                        uint64_t delay_us, const char *error)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;

        int r = store_statement(store, STATEMENT_DELIVERY_END, &statement);
        if (r < 0)
                return r;
        struct row_writer row = row_write(statement);
        row_write_number(&row, delivery_id);
        row_write_string(&row, new_state);
        row_write_number(&row, now_us);
        row_write_number(&row, delay_us);
        if (error != NULL)
                (void)sqlite3_bind_text(statement, 5, error,
                                        (int)text_cut(error, strlen(error), ERROR_SIZE_MAX), SQLITE_STATIC);

        r = store_write_begin(store);
        if (r < 0)
                return r;
        r = row_write_end(store, &row);
        if (r >= 0 && sqlite3_changes(store->database) == 0)
                r = store_fail(store, -ENOENT, "no such pending delivery");
        (void)sqlite3_reset(statement);
        return store_write_end(store, r);
}

int store_delivery_done(struct store *store, uint64_t delivery_id, uint64_t now_us)
{
        return delivery_end(store, delivery_id, "done", now_us, 0, NULL);
}

int store_delivery_failed(struct store *store, uint64_t delivery_id, uint64_t now_us, const char *error)
{
        return delivery_end(store, delivery_id, "failed", now_us, 0, error);
}

int store_delivery_retry(struct store *store, uint64_t delivery_id, uint64_t now_us, uint64_t delay_us,
                         const char *error)
{
        return delivery_end(store, delivery_id, "pending", now_us, delay_us, error);
}

/* ---- counting ---- */

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
                store->in_callback = true;
                handler(userdata, (uint64_t)sqlite3_column_int64(statement, 0), hook);
                store->in_callback = false;
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
                store->in_callback = true;
                handler(userdata, hook, (uint64_t)sqlite3_column_int64(statement, 1));
                store->in_callback = false;
        }
        return r;
}
