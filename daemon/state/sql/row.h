/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "model/record.h"
#include "state/sql/engine.h"
#include "util/cleanup.h"
#include "util/text.h"

/*
 * A statement: its parameters are written one after another, then it is run, and the columns of each row of
 * its result are read one after another. What is written and read by the same calls is the same. An error is
 * kept until row_step(), and damage until row_read_end().
 */
struct row {
        struct store *store;
        struct query *query;
        int parameter, column; /* the last one that was written, and the next one that is read */
        int error;             /* negative errno: the first failure */
        bool has_row;          /* there is a row to read */
        bool is_damaged;       /* something in it is not what was written */
};

/* A statement, to be released with row_release(): CLEANUP(row_release) struct row row. */
struct row row_prepare(struct store *store, enum statement which);
void row_release(struct row *row);

/* Values must live until the statement is released. */
void row_write_column(struct row *row, const struct column *column);
void row_write_number(struct row *row, uint64_t number);
void row_write_bytes(struct row *row, const void *data, size_t size); /* NULL data: null */
void row_write_text(struct row *row, const struct text *text);
void row_write_string(struct row *row, const char *string);           /* NULL: null */
void row_write_words(struct row *row, const char *data, size_t size); /* a part of a string */
/* business_id to updated_on, and status: 11 columns. */
void row_write_record(struct row *row, const struct job_record *record);

/*
 * Runs the statement, unless something has failed before, or moves to its next row. Returns 1 if there is a
 * row to read, 0 at the end.
 */
int row_step(struct row *row);

/* The number in the first column of the row; *ret_key is untouched without a row. */
void row_key(const struct row *row, uint64_t *ret_key);
/* A column of the row. */
void row_column(const struct row *row, int index, struct column *ret_column);

/* Read the next column of the row. The values are valid only if row_read_end() returns 0. */
uint64_t row_read_number(struct row *row);
/* `ret_text` is null before. The caller owns the text, even if a later column fails. */
void row_read_text(struct row *row, struct text *ret_text);
/* The same of a string, which an engine may have stored as bytes. */
void row_read_words(struct row *row, struct text *ret_text);
/* A string of at most size - 1 bytes. */
void row_read_string(struct row *row, char *ret_string, size_t size);
/* has_status and has_result: the first column of a record. */
void row_read_flags(struct row *row, struct job_record *ret_record);
void row_read_record(struct row *row, struct job_record *ret_record);
/* -EUCLEAN if a value was of another type or too long. */
int row_read_end(const struct row *row);
