/* SPDX-License-Identifier: MIT */

/*
 * Rows, read and written column by column.
 *
 * Texts are stored as bytes: they may contain NUL and invalid UTF-8, and engines do not convert bytes. Null
 * and empty differ by type. Numbers are the 64 bits of a uint64_t as a signed integer. A column of another
 * type than the one that is written is damaged.
 */

#include "state/sql/row.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

struct row row_prepare(struct store *store, enum statement which)
{
        struct row row = { .store = store };

        assert(!store->in_callback);
        row.error = store->engine->prepare(store, which, &row.query);
        return row;
}

void row_release(struct row *row)
{
        if (row->query != NULL)
                row->store->engine->release(row->query);
}

void row_write_column(struct row *row, const struct column *column)
{
        row->parameter++;
        if (column->type != COLUMN_NULL && row->error == 0) /* else null, as bound by default */
                row->error = row->store->engine->bind(row->store, row->query, row->parameter, column);
}

static void write_data(struct row *row, enum column_type type, const void *data, size_t size)
{
        const struct column column = { data != NULL ? type : COLUMN_NULL, .data = data, .size = size };

        row_write_column(row, &column);
}

void row_write_number(struct row *row, uint64_t number)
{
        row_write_column(row, &(struct column){ COLUMN_NUMBER, .number = (int64_t)number });
}

void row_write_bytes(struct row *row, const void *data, size_t size)
{
        write_data(row, COLUMN_BYTES, data, size);
}

void row_write_text(struct row *row, const struct text *text)
{
        write_data(row, COLUMN_BYTES, text->data, text->size);
}

void row_write_words(struct row *row, const char *data, size_t size)
{
        write_data(row, COLUMN_STRING, data, size);
}

void row_write_string(struct row *row, const char *string)
{
        write_data(row, COLUMN_STRING, string, string != NULL ? strlen(string) : 0);
}

void row_write_record(struct row *row, const struct job_record *record)
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

int row_step(struct row *row)
{
        int r = row->error < 0 ? row->error : row->store->engine->step(row->store, row->query);

        row->column = 0;
        row->has_row = r > 0;
        row->is_damaged = false;
        return r;
}

void row_column(const struct row *row, int index, struct column *ret_column)
{
        row->store->engine->read_column(row->query, index, ret_column);
}

void row_key(const struct row *row, uint64_t *ret_key)
{
        struct column column;

        if (!row->has_row)
                return;
        row_column(row, 0, &column);
        *ret_key = column.type == COLUMN_NUMBER ? (uint64_t)column.number : 0;
}

static void next_column(struct row *row, struct column *ret_column)
{
        row_column(row, row->column++, ret_column);
}

uint64_t row_read_number(struct row *row)
{
        struct column column;

        next_column(row, &column);
        if (column.type == COLUMN_NUMBER)
                return (uint64_t)column.number;
        row->is_damaged = true;
        return 0;
}

void row_read_text(struct row *row, struct text *ret_text)
{
        struct column column;

        next_column(row, &column);
        if (column.type == COLUMN_BYTES)
                text_from(column.data, column.size, ret_text);
        else if (column.type != COLUMN_NULL)
                row->is_damaged = true;
}

void row_read_words(struct row *row, struct text *ret_text)
{
        struct column column;

        next_column(row, &column);
        if (column.type == COLUMN_BYTES || column.type == COLUMN_STRING)
                text_from(column.data, column.size, ret_text);
        else if (column.type != COLUMN_NULL)
                row->is_damaged = true;
}

void row_read_string(struct row *row, char *ret_string, size_t size)
{
        struct column column;

        ret_string[0] = '\0';
        next_column(row, &column);
        if (column.type != COLUMN_STRING || column.size >= size ||
            memchr(column.data, '\0', column.size) != NULL) {
                row->is_damaged = true;
        } else {
                memcpy(ret_string, column.data, column.size);
                ret_string[column.size] = '\0';
        }
}

void row_read_flags(struct row *row, struct job_record *ret_record)
{
        uint64_t flags = row_read_number(row);

        ret_record->has_status = flags & 1;
        ret_record->has_result = flags & 2;
}

void row_read_record(struct row *row, struct job_record *ret_record)
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

int row_read_end(const struct row *row)
{
        return row->is_damaged ? store_fail(row->store, -EUCLEAN, "a row of the database is damaged") : 0;
}
