/* SPDX-License-Identifier: MIT */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/event.h"
#include "state/state.h"
#include "util/cleanup.h"

/*
 * What the files of the store share. Functions return 0 or a negative errno, as those of store.h do, and
 * leave the words for state_error() behind.
 */

#define STATE_FILE_NAME "jobwatchd.db"

/* Marks of logged events that may wait in memory for the next transaction. */
#define STATE_MARKS_MAX 64

/* Every statement there is; its text stands in state_statement.c. */
enum statement {
        STATEMENT_BEGIN,
        STATEMENT_COMMIT,
        STATEMENT_ROLLBACK,
        STATEMENT_STEP_BEGIN,
        STATEMENT_STEP_KEEP,
        STATEMENT_STEP_UNDO,
        STATEMENT_JOB_GET,
        STATEMENT_JOB_PUT,
        STATEMENT_RESULT_GET,
        STATEMENT_RESULT_PUT,
        STATEMENT_EVENT_GET,
        STATEMENT_EVENT_FIND,
        STATEMENT_EVENT_PUT,
        STATEMENT_EVENT_PRUNE,
        STATEMENT_UNLOGGED_PUT,
        STATEMENT_UNLOGGED_NEXT,
        STATEMENT_UNLOGGED_DELETE,
        STATEMENT_DELIVERY_PUT,
        STATEMENT_DELIVERY_DUE,
        STATEMENT_DELIVERY_END,
        STATEMENT_DELIVERY_RETRY,
        STATEMENT_HOOK_NEXT,
        STATEMENT_HOOK_DROP,
        STATEMENT_STATUS_PUT,
        STATEMENT_STATUS_TRIM,
        STATEMENT_VALUE_GET,
        STATEMENT_VALUE_PUT,
        STATEMENT_VALUE_DELETE,
};

#define STATEMENT_COUNT (STATEMENT_VALUE_DELETE + 1)

struct state {
        sqlite3 *database;
        sqlite3_stmt *statements[STATEMENT_COUNT]; /* prepared at first use, kept until the end */
        int lock;                                  /* descriptor of the lock file */

        bool in_batch;
        int batch_error; /* why the open batch is lost, or 0 */

        char marks[STATE_MARKS_MAX][EVENT_ID_SIZE]; /* logged, but not yet marked so on disk */
        size_t mark_count;

        char error[256];
};

/* ---- state_file.c: the directory and what lies in it, before SQLite sees it ---- */

/* Makes the directory if need be. *ret_directory is its absolute name. */
int state_directory_open(const char *directory, char **ret_message, char **ret_directory);

/* Takes the lock of the directory; it lasts until the descriptor is closed or the process ends. */
int state_directory_lock(const char *directory, char **ret_message, int *ret_lock);

/*
 * Sees to it that `path` is a regular file of ours or an empty one, mode 0600, by its first bytes and without
 * writing any. *ret_fresh: it holds no schema yet.
 */
int state_file_prepare(const char *directory, const char *path, char **ret_message, bool *ret_fresh);

/* ---- state_schema.c ---- */

#define STATE_APPLICATION_ID 0x4a4f4257 /* "JOBW" */

/* Sets the connection up, checks the file and brings its schema up to date. */
int state_schema_open(struct state *state, const char *path, bool fresh, char **ret_message);

/* ---- state_statement.c: statements, errors, transactions ---- */

/* Runs SQL that returns nothing, or whose first column of the first row is a number (ret_number, or NULL). */
int state_execute(struct state *state, const char *sql, int64_t *ret_number);

/* The statement, prepared and unbound. To be handed back as soon as its rows are read: by CLEANUP() below. */
int state_statement(struct state *state, enum statement which, sqlite3_stmt **ret_statement);

static inline void cleanup_statement(sqlite3_stmt **statement)
{
        if (*statement == NULL)
                return;
        (void)sqlite3_reset(*statement);
        (void)sqlite3_clear_bindings(*statement);
}

/* 1: there is a row to read. 0: there is none left. */
int state_step(struct state *state, sqlite3_stmt *statement);

/* Frees all statements. */
void state_statements_finalize(struct state *state);

/* Puts what SQLite has just reported into words and returns it as a negative errno. */
int state_fail_sqlite(struct state *state, int code);

/* The same for what this module found: returns `r`. */
int state_fail(struct state *state, int r, const char *words);

/*
 * A write: what stands between the two happens whole or not at all. state_write_end() takes the result so far
 * and returns it, or the error of the commit. Within a batch, a write that fails leaves the rest of it alone.
 */
int state_write_begin(struct state *state);
int state_write_end(struct state *state, int r);

/* ---- state_row.c: rows with a check sum ---- */

/*
 * Binds the parameters of a statement one after another, and sums them up. Nothing is copied: what is bound
 * must live until the statement is handed back.
 */
struct row_writer {
        sqlite3_stmt *statement;
        int index;
        int code; /* of SQLite: the first failure */
        uint64_t sum;
};

struct row_writer row_write(sqlite3_stmt *statement);
void row_write_number(struct row_writer *row, uint64_t number);
void row_write_bytes(struct row_writer *row, const void *data, size_t size);
void row_write_text(struct row_writer *row, const struct text *text);
void row_write_string(struct row_writer *row, const char *word);
void row_write_sum(struct row_writer *row);
/* business_id to updated_on, and status: 11 columns. */
void row_write_record(struct row_writer *row, const struct job_record *record);
/* Runs the statement, unless something could not be bound. */
int row_write_end(struct state *state, struct row_writer *row);

/* Reads the columns of a row in the same order. What is read becomes valid only by row_read_end(). */
struct row_reader {
        sqlite3_stmt *statement;
        int column;
        int error; /* negative errno: the first failure */
        uint64_t sum;
};

struct row_reader row_read(sqlite3_stmt *statement);
uint64_t row_read_number(struct row_reader *row);
/* The text becomes the caller's, also when a later column fails. */
void row_read_text(struct row_reader *row, struct text *ret_text);
/* A word of at most size - 1 bytes. */
void row_read_string(struct row_reader *row, char *ret_word, size_t size);
/* Adds a value that is known already, as row_write_number() and row_write_string() do, reading no column. */
void row_read_known_number(struct row_reader *row, uint64_t number);
void row_read_known_string(struct row_reader *row, const char *word);
void row_read_record(struct row_reader *row, struct job_record *ret_record);
/* Reads the sum and compares: -EUCLEAN if the row is not what was written. */
int row_read_end(struct state *state, struct row_reader *row);

/* ---- between the files ---- */

/* A job as it stands in its row, without its result. */
struct job_row {
        struct stored_job job;    /* without the digest of status */
        struct job_record record; /* without result */
};

void job_row_clear(struct job_row *row);
int state_job_read(struct state *state, uint64_t id, struct job_row *ret_row);
int state_job_write(struct state *state, const struct stored_job *job, const struct job_record *record);
int state_result_write(struct state *state, uint64_t id, const struct text *result);

/* Writes the waiting marks within the transaction that is open. */
int state_marks_write(struct state *state);
