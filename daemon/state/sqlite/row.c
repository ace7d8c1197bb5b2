/* SPDX-License-Identifier: MIT */

/*
 * Rows, read and written column by column.
 *
 * Texts are stored as BLOBs: they may contain NUL and invalid UTF-8, and SQLite does not convert BLOBs. Null
 * and empty differ by type. Numbers are the 64 bits of a uint64_t as a signed integer. A column of another
 * type than the one that is written is damaged.
 */

#include "state/sqlite/row.h"

#include <errno.h>
#include <string.h>

struct row_writer row_write(struct store *store, enum statement which)
{
        struct row_writer row = { .statement = NULL };

        row.error = store_statement(store, which, &row.statement);
        return row;
}

void row_release(struct row_writer *row)
{
        cleanup_statement(&row->statement);
}

static void row_written(struct row_writer *row, int code)
{
        if (row->code == SQLITE_OK && row->error == 0)
                row->code = code;
}

void row_write_number(struct row_writer *row, uint64_t number)
{
        row_written(row, sqlite3_bind_int64(row->statement, ++row->index, (sqlite3_int64)number));
}

void row_write_bytes(struct row_writer *row, const void *data, size_t size)
{
        row->index++;
        if (data != NULL) /* else null, as bound by default */
                row_written(row, sqlite3_bind_blob64(row->statement, row->index, data, size, SQLITE_STATIC));
}

void row_write_text(struct row_writer *row, const struct text *text)
{
        row_write_bytes(row, text->data, text->size);
}

void row_write_string(struct row_writer *row, const char *string)
{
        row_written(row, sqlite3_bind_text(row->statement, ++row->index, string, -1, SQLITE_STATIC));
}

void row_write_record(struct row_writer *row, const struct job_record *record)
{
        row_write_number(row, (uint64_t)record->has_status | (uint64_t)record->has_result << 1);
        row_write_number(row, record->business_id);
        row_write_text(row, &record->guid);
        row_write_text(row, &record->description);
        row_write_text(row, &record->files);
        row_write_text(row, &record->business);
        row_write_text(row, &record->user);
        row_write_text(row, &record->email);
        row_write_text(row, &record->created_on);
        row_write_text(row, &record->updated_on);
        row_write_text(row, &record->status);
}

int row_write_end(struct store *store, struct row_writer *row)
{
        if (row->error < 0)
                return row->error;
        if (row->code != SQLITE_OK)
                return store_fail_sqlite(store, row->code);
        return store_step(store, row->statement);
}

struct row_reader row_read(sqlite3_stmt *statement)
{
        return (struct row_reader){ .statement = statement };
}

/* Moves to the next column and checks its type. */
static bool row_next(struct row_reader *row, int type)
{
        bool matches = sqlite3_column_type(row->statement, row->column++) == type;

        row->is_damaged |= !matches;
        return matches;
}

uint64_t row_read_number(struct row_reader *row)
{
        return row_next(row, SQLITE_INTEGER) ? (uint64_t)sqlite3_column_int64(row->statement, row->column - 1)
                                             : 0;
}

void row_read_text(struct row_reader *row, struct text *ret_text)
{
        int type = sqlite3_column_type(row->statement, row->column++);

        if (type == SQLITE_NULL)
                return;
        if (type != SQLITE_BLOB) {
                row->is_damaged = true;
                return;
        }

        const void *data = sqlite3_column_blob(row->statement, row->column - 1);
        size_t size = (size_t)sqlite3_column_bytes(row->statement, row->column - 1);
        row->is_damaged |= data == NULL && size > 0;
        if (!row->is_damaged)
                text_from(data != NULL ? data : "", size, ret_text); /* NULL: it is empty */
}

void row_read_string(struct row_reader *row, char *ret_string, size_t size)
{
        ret_string[0] = '\0';
        if (!row_next(row, SQLITE_TEXT))
                return;

        const unsigned char *string = sqlite3_column_text(row->statement, row->column - 1);
        size_t length = (size_t)sqlite3_column_bytes(row->statement, row->column - 1);
        if (string == NULL || length >= size || memchr(string, '\0', length) != NULL) {
                row->is_damaged = true;
        } else {
                memcpy(ret_string, string, length);
                ret_string[length] = '\0';
        }
}

void row_read_flags(struct row_reader *row, struct job_record *ret_record)
{
        uint64_t flags = row_read_number(row);

        ret_record->has_status = flags & 1;
        ret_record->has_result = flags & 2;
}

void row_read_record(struct row_reader *row, struct job_record *ret_record)
{
        row_read_flags(row, ret_record);
        ret_record->business_id = row_read_number(row);
        row_read_text(row, &ret_record->guid);
        row_read_text(row, &ret_record->description);
        row_read_text(row, &ret_record->files);
        row_read_text(row, &ret_record->business);
        row_read_text(row, &ret_record->user);
        row_read_text(row, &ret_record->email);
        row_read_text(row, &ret_record->created_on);
        row_read_text(row, &ret_record->updated_on);
        row_read_text(row, &ret_record->status);
}

int row_read_end(struct store *store, const struct row_reader *row)
{
        return row->is_damaged ? store_fail(store, -EUCLEAN, "a row of the database is damaged") : 0;
}
