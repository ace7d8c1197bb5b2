/* SPDX-License-Identifier: MIT */

/*
 * Rows with a checksum.
 *
 * SQLite detects damage to its structure, not to the values of a row. Each row of jobs, events and values
 * therefore has a sum over all its values, their types and lengths (64-bit FNV-1a, against accidents, not
 * against attackers). A row whose sum differs is reported as damaged and not used.
 *
 * Texts are stored as BLOBs: they may contain NUL and invalid UTF-8, and SQLite does not convert BLOBs. Null
 * and empty differ by type. Numbers are the 64 bits of a uint64_t as a signed integer.
 */

#include "state/sqlite/row.h"

#include <errno.h>
#include <string.h>

#define SUM_START UINT64_C(0xcbf29ce484222325)

static uint64_t sum_bytes(uint64_t sum, const void *data, size_t size)
{
        const unsigned char *bytes = data;

        for (size_t i = 0; i < size; i++) {
                sum ^= bytes[i];
                sum *= UINT64_C(0x100000001b3);
        }
        return sum;
}

/* Type and number, or type and length, so that different sequences of values have different bytes. */
static uint64_t sum_head(uint64_t sum, unsigned char type, uint64_t number)
{
        unsigned char head[9] = { type };

        for (unsigned i = 0; i < 8; i++)
                head[1 + i] = (unsigned char)(number >> (8 * i));
        return sum_bytes(sum, head, sizeof(head));
}

static uint64_t sum_value(uint64_t sum, const void *data, size_t size)
{
        if (data == NULL)
                return sum_head(sum, '0', 0);
        return sum_bytes(sum_head(sum, 't', size), data, size);
}

struct row_writer row_write(sqlite3_stmt *statement)
{
        return (struct row_writer){ .statement = statement, .sum = SUM_START };
}

static void row_written(struct row_writer *row, int code)
{
        if (row->code == SQLITE_OK)
                row->code = code;
}

void row_write_number(struct row_writer *row, uint64_t number)
{
        row->sum = sum_head(row->sum, 'n', number);
        row_written(row, sqlite3_bind_int64(row->statement, ++row->index, (sqlite3_int64)number));
}

void row_write_bytes(struct row_writer *row, const void *data, size_t size)
{
        row->sum = sum_value(row->sum, data, size);
        if (data == NULL)
                row_written(row, sqlite3_bind_null(row->statement, ++row->index));
        else
                row_written(row,
                            sqlite3_bind_blob64(row->statement, ++row->index, data, size, SQLITE_STATIC));
}

void row_write_text(struct row_writer *row, const struct text *text)
{
        row_write_bytes(row, text->data, text->size);
}

void row_write_string(struct row_writer *row, const char *string)
{
        row->sum = sum_value(row->sum, string, strlen(string));
        row_written(row, sqlite3_bind_text(row->statement, ++row->index, string, -1, SQLITE_STATIC));
}

void row_write_sum(struct row_writer *row)
{
        row_written(row, sqlite3_bind_int64(row->statement, ++row->index, (sqlite3_int64)row->sum));
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
        if (row->code != SQLITE_OK)
                return store_fail_sqlite(store, row->code);
        return store_step(store, row->statement);
}

struct row_reader row_read(sqlite3_stmt *statement)
{
        return (struct row_reader){ .statement = statement, .sum = SUM_START };
}

static void row_failed(struct row_reader *row, int error)
{
        if (row->error == 0)
                row->error = error;
}

void row_read_known_number(struct row_reader *row, uint64_t number)
{
        row->sum = sum_head(row->sum, 'n', number);
}

uint64_t row_read_number(struct row_reader *row)
{
        int column = row->column++;

        if (sqlite3_column_type(row->statement, column) != SQLITE_INTEGER) {
                row_failed(row, -EUCLEAN);
                return 0;
        }

        uint64_t number = (uint64_t)sqlite3_column_int64(row->statement, column);
        row->sum = sum_head(row->sum, 'n', number);
        return number;
}

void row_read_text(struct row_reader *row, struct text *ret_text)
{
        int column = row->column++;
        int type = sqlite3_column_type(row->statement, column);
        const void *data = NULL;
        size_t size = 0;

        if (type == SQLITE_BLOB) {
                data = sqlite3_column_blob(row->statement, column);
                size = (size_t)sqlite3_column_bytes(row->statement, column);
                if (data == NULL && size > 0) {
                        row_failed(row, -ENOMEM);
                        return;
                }
                if (data == NULL)
                        data = ""; /* SQLite returns NULL for an empty BLOB */
        } else if (type != SQLITE_NULL) {
                row_failed(row, -EUCLEAN);
                return;
        }

        row->sum = sum_value(row->sum, data, size);
        if (row->error == 0)
                row_failed(row, text_from(data, size, ret_text));
}

void row_read_known_string(struct row_reader *row, const char *string)
{
        row->sum = sum_value(row->sum, string, strlen(string));
}

void row_read_string(struct row_reader *row, char *ret_string, size_t size)
{
        int column = row->column++;

        ret_string[0] = '\0';
        if (sqlite3_column_type(row->statement, column) != SQLITE_TEXT) {
                row_failed(row, -EUCLEAN);
                return;
        }

        const unsigned char *string = sqlite3_column_text(row->statement, column);
        if (string == NULL) {
                row_failed(row, -ENOMEM);
                return;
        }

        size_t length = (size_t)sqlite3_column_bytes(row->statement, column);
        if (length >= size || memchr(string, '\0', length) != NULL) {
                row_failed(row, -EUCLEAN);
                return;
        }
        memcpy(ret_string, string, length);
        ret_string[length] = '\0';
        row->sum = sum_value(row->sum, ret_string, length);
}

void row_read_record(struct row_reader *row, struct job_record *ret_record)
{
        uint64_t flags = row_read_number(row);

        ret_record->has_status = flags & 1;
        ret_record->has_result = flags & 2;
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

int row_read_end(struct store *store, struct row_reader *row)
{
        uint64_t expected = row->sum;

        if (row->error == 0 && row_read_number(row) != expected)
                row_failed(row, -EUCLEAN);
        if (row->error == -EUCLEAN)
                return store_fail(store, -EUCLEAN, "a row of the database is damaged (checksum mismatch)");
        if (row->error < 0)
                return store_fail(store, row->error, "out of memory");
        return 0;
}

/* ---- SQL functions ---- */

static void row_sum(sqlite3_context *context, int count, sqlite3_value *values[])
{
        uint64_t sum = SUM_START;

        for (int i = 0; i < count; i++) {
                int type = sqlite3_value_type(values[i]);

                if (type == SQLITE_INTEGER) {
                        sum = sum_head(sum, 'n', (uint64_t)sqlite3_value_int64(values[i]));
                } else {
                        const void *data = sqlite3_value_blob(values[i]);
                        sum = sum_value(sum, data == NULL && type != SQLITE_NULL ? "" : data,
                                        (size_t)sqlite3_value_bytes(values[i]));
                }
        }
        sqlite3_result_int64(context, (sqlite3_int64)sum);
}

/* A borrowed text of a BLOB or null. */
static struct text value_text(sqlite3_value *value)
{
        union {
                const void *data;
                char *borrowed;
        } blob = { .data = sqlite3_value_blob(value) };

        if (blob.data == NULL && sqlite3_value_type(value) != SQLITE_NULL)
                blob.data = "";
        return (struct text){ blob.borrowed, (size_t)sqlite3_value_bytes(value) };
}

static void text_hash(sqlite3_context *context, int count, sqlite3_value *values[])
{
        (void)count;
        struct text text = value_text(values[0]);

        sqlite3_result_int64(context, (sqlite3_int64)text_digest(&text).hash);
}

static void text_head(sqlite3_context *context, int count, sqlite3_value *values[])
{
        (void)count;
        struct text text = value_text(values[0]);

        sqlite3_result_blob(context, text.data, (int)text_cut(text.data, text.size, TEXT_HEAD_SIZE),
                            SQLITE_TRANSIENT);
}

int row_functions_add(sqlite3 *database)
{
        const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY;
        int code = sqlite3_create_function(database, "row_sum", -1, flags, NULL, row_sum, NULL, NULL);

        if (code == SQLITE_OK)
                code = sqlite3_create_function(database, "text_hash", 1, flags, NULL, text_hash, NULL, NULL);
        if (code == SQLITE_OK)
                code = sqlite3_create_function(database, "text_head", 1, flags, NULL, text_head, NULL, NULL);
        return code;
}
