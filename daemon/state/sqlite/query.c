/* SPDX-License-Identifier: MIT */

/*
 * The statements of SQLite. They are prepared when first used and then kept; their release resets and unbinds
 * them. None stays open across the end of the function that uses it, since an open statement would block
 * checkpoints and rollbacks.
 */

#include "state/sqlite/query.h"

#include "util/memory.h"

/* What is not said as in every engine. */
static const char *own_sql(enum statement which)
{
        return which == STATEMENT_USAGE ? "SELECT (page_count - freelist_count) * page_size "
                                          "FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
                                        : statement_sql(which);
}

/* A struct query is a statement of SQLite. */
static sqlite3_stmt *statement_of(struct query *query)
{
        return (sqlite3_stmt *)query;
}

int sqlite_prepare(struct store *store, enum statement which, struct query **ret_query)
{
        struct sqlite *sqlite = sqlite_of(store);

        if (sqlite->statements[which] == NULL) {
                int code = sqlite3_prepare_v3(sqlite->database, own_sql(which), -1, SQLITE_PREPARE_PERSISTENT,
                                              &sqlite->statements[which], NULL);
                if (code != SQLITE_OK)
                        return store_fail_sqlite(store, code);
        }

        *ret_query = (struct query *)sqlite->statements[which];
        return 0;
}

void store_statements_finalize(struct store *store)
{
        struct sqlite *sqlite = sqlite_of(store);

        for (size_t i = 0; i < STATEMENT_COUNT; i++) {
                (void)sqlite3_finalize(sqlite->statements[i]);
                sqlite->statements[i] = NULL;
        }
}

int sqlite_bind(struct store *store, struct query *query, int index, const struct column *column)
{
        sqlite3_stmt *statement = statement_of(query);
        int code;

        if (column->type == COLUMN_NUMBER)
                code = sqlite3_bind_int64(statement, index, column->number);
        else if (column->type == COLUMN_STRING)
                code = sqlite3_bind_text64(statement, index, column->data, column->size, SQLITE_STATIC,
                                           SQLITE_UTF8);
        else
                code = sqlite3_bind_blob64(statement, index, column->data, column->size, SQLITE_STATIC);
        return code == SQLITE_OK ? 0 : store_fail_sqlite(store, code);
}

int sqlite_step(struct store *store, struct query *query)
{
        int code = sqlite3_step(statement_of(query));

        if (code == SQLITE_ROW)
                return 1;
        if (code != SQLITE_DONE)
                return store_fail_sqlite(store, code);
        store->changes = (uint64_t)sqlite3_changes(sqlite_of(store)->database);
        store->last_id = (uint64_t)sqlite3_last_insert_rowid(sqlite_of(store)->database);
        return 0;
}

void sqlite_read_column(struct query *query, int index, struct column *ret_column)
{
        sqlite3_stmt *statement = statement_of(query);
        int type = sqlite3_column_type(statement, index);

        *ret_column = (struct column){ .type = COLUMN_NULL };
        if (type == SQLITE_INTEGER) {
                ret_column->type = COLUMN_NUMBER;
                ret_column->number = sqlite3_column_int64(statement, index);
        } else if (type == SQLITE_TEXT || type == SQLITE_BLOB) {
                ret_column->data = sqlite3_column_blob(statement, index);
                ret_column->size = (size_t)sqlite3_column_bytes(statement, index);
                ret_column->type = ret_column->data == NULL && ret_column->size > 0 ? COLUMN_INVALID
                                   : type == SQLITE_TEXT                            ? COLUMN_STRING
                                                                                    : COLUMN_BYTES;
                if (ret_column->data == NULL) /* it is empty */
                        ret_column->data = "";
        } else if (type != SQLITE_NULL) {
                ret_column->type = COLUMN_INVALID;
        }
}

void sqlite_release(struct query *query)
{
        (void)sqlite3_reset(statement_of(query));
        (void)sqlite3_clear_bindings(statement_of(query));
}

int sqlite_read_text(struct store *store, uint64_t row, size_t max, struct text *ret_text)
{
        sqlite3_blob *blob = NULL;

        int code = sqlite3_blob_open(sqlite_of(store)->database, "main", "texts", "data", (sqlite3_int64)row,
                                     0, &blob);
        if (code != SQLITE_OK)
                return store_fail_sqlite(store, code);
        size_t size = (size_t)sqlite3_blob_bytes(blob);
        if (size > max)
                size = max + 1;
        struct text text = { memory_malloc(NULL, size + 1), size };
        code = sqlite3_blob_read(blob, text.data, (int)size, 0);
        (void)sqlite3_blob_close(blob);
        if (code != SQLITE_OK) {
                free(text.data);
                return store_fail_sqlite(store, code);
        }
        *ret_text = text;
        return 0;
}
