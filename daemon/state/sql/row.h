/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "model/record.h"
#include "state/sql/engine.h"
#include "util/cleanup.h"
#include "util/text.h"

/*
 * A row is written and read by the same sequence of calls. Errors are kept in the writer or reader and
 * returned by its end function.
 */

/* Binds the parameters of a statement one after another. Values must live until the statement is released. */
struct row_writer {
        struct store *store;
        struct query *query;
        int index;
        int error; /* negative errno: the first failure */
};

/* The writer of a statement, to be released with row_release(): CLEANUP(row_release) struct row_writer row.
 */
struct row_writer row_write(struct store *store, enum statement which);
void row_release(struct row_writer *row);
void row_write_number(struct row_writer *row, uint64_t number);
void row_write_bytes(struct row_writer *row, const void *data, size_t size); /* NULL data: null */
void row_write_text(struct row_writer *row, const struct text *text);
void row_write_string(struct row_writer *row, const char *string);           /* NULL: null */
void row_write_words(struct row_writer *row, const char *data, size_t size); /* a part of a string */
/* business_id to updated_on, and status: 11 columns. */
void row_write_record(struct row_writer *row, const struct job_record *record);
/*
 * Runs the statement, unless something has failed before, or moves to its next row. Returns 1 if there is a
 * row to read, 0 at the end.
 */
int row_write_end(struct store *store, struct row_writer *row);

/* The number in the first column of the present row: true and *ret_key, or false without a row. */
bool row_key(const struct row_writer *row, uint64_t *ret_key);
/* A column of the present row. */
void row_column(const struct row_writer *row, int index, struct column *ret_column);

/* Reads the columns of a row in the same order. The values are valid only if row_read_end() returns 0. */
struct row_reader {
        const struct row_writer *query;
        int column;
        bool is_damaged; /* something is not what was written */
};

struct row_reader row_read(const struct row_writer *query);
uint64_t row_read_number(struct row_reader *row);
/* `ret_text` is null before. The caller owns the text, even if a later column fails. */
void row_read_text(struct row_reader *row, struct text *ret_text);
/* The same of a string, which an engine may have stored as bytes. */
void row_read_words(struct row_reader *row, struct text *ret_text);
/* A string of at most size - 1 bytes. */
void row_read_string(struct row_reader *row, char *ret_string, size_t size);
/* has_status and has_result: the first column of a record. */
void row_read_flags(struct row_reader *row, struct job_record *ret_record);
void row_read_record(struct row_reader *row, struct job_record *ret_record);
/* -EUCLEAN if a value was of another type or too long. */
int row_read_end(struct store *store, const struct row_reader *row);
