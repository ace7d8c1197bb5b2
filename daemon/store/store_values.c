/* SPDX-License-Identifier: MIT */

/*
 * Small things: values by key, and which unknown words of Status were told.
 *
 * Of a value, this module makes no copy but the one it returns. What passes through SQLite stays in its page
 * cache as long as the page does; see store_schema.c on what becomes of it on disk.
 *
 * Words are kept as digests, and only the latest SIGHTS_MAX: what the remote side sends must not fill the
 * disk.
 */

#include <errno.h>
#include <string.h>

#include "store/store_internal.h"

#define SIGHTS_MAX 256

static int sight_write(struct store *store, const struct text *status)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *put = NULL;
        CLEANUP(cleanup_statement) sqlite3_stmt *trim = NULL;
        struct text_digest digest = text_digest(status);

        int r = store_statement(store, STATEMENT_SIGHT_PUT, &put);
        if (r < 0)
                return r;
        (void)sqlite3_bind_int64(put, 1, (sqlite3_int64)digest.hash);
        (void)sqlite3_bind_int64(put, 2, (sqlite3_int64)digest.size);
        r = store_step(store, put);
        if (r < 0)
                return r;
        if (sqlite3_changes(store->database) == 0)
                return 0;

        r = store_statement(store, STATEMENT_SIGHT_TRIM, &trim);
        if (r < 0)
                return r;
        (void)sqlite3_bind_int64(trim, 1, SIGHTS_MAX);
        r = store_step(store, trim);
        return r < 0 ? r : 1;
}

int store_first_sight(struct store *store, const struct text *status)
{
        int r = store_write_begin(store);
        if (r < 0)
                return r;
        return store_write_end(store, sight_write(store, status));
}

static int value_write(struct store *store, const char *key, const void *data, size_t size)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;

        int r = store_statement(store, data != NULL ? STATEMENT_VALUE_PUT : STATEMENT_VALUE_DELETE,
                                &statement);
        if (r < 0)
                return r;

        struct row_writer row = row_write(statement);
        row_write_word(&row, key);
        if (data != NULL) {
                row_write_bytes(&row, data, size);
                row_write_sum(&row);
        }
        return row_write_end(store, &row);
}

int store_put_value(struct store *store, const char *key, const void *data, size_t size)
{
        int r = store_write_begin(store);
        if (r < 0)
                return r;
        return store_write_end(store, value_write(store, key, data, size));
}

static void secret_clear(struct text *text)
{
        if (text->data != NULL)
                explicit_bzero(text->data, text->size);
        text_clear(text);
}

int store_get_value(struct store *store, const char *key, void **ret_data, size_t *ret_size)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;
        CLEANUP(secret_clear) struct text value = TEXT_NULL;

        int r = store_statement(store, STATEMENT_VALUE_GET, &statement);
        if (r < 0)
                return r;
        (void)sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
        r = store_step(store, statement);
        if (r <= 0)
                return r;

        struct row_reader row = row_read(statement);
        row_read_known_word(&row, key);
        row_read_text(&row, &value);
        r = row_read_end(store, &row);
        if (r < 0)
                return r;

        *ret_data = STEAL_POINTER(value.data);
        *ret_size = value.size;
        return 1;
}
