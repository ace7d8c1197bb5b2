/* SPDX-License-Identifier: MIT */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/event.h"
#include "state/store.h"
#include "util/cleanup.h"

/*
 * The connection and its statements. Functions return 0 or a negative errno, as in store.h, and set the text
 * of store_error().
 */

/* The bytes of a result that stay in the history of a job. A text that is longer is called large. */
#define TEXT_HEAD_SIZE 4096
#define TEXT_IS_LARGE  "length(data) > 4097"
#define TEXT_CUT       "UPDATE texts SET data = substr(data, 1, 4097) WHERE " TEXT_IS_LARGE " AND "

/* All prepared statements. */
enum statement {
        STATEMENT_JOB_GET,
        STATEMENT_JOB_PUT,
        STATEMENT_JOB_LIST,
        STATEMENT_JOB_DURATIONS,
        STATEMENT_JOB_STATUSES,
        STATEMENT_JOB_CONFIGURED,
        STATEMENT_JOB_PRUNE,
        STATEMENT_TEXT_GET,
        STATEMENT_TEXT_HEAD,
        STATEMENT_TEXT_PUT,
        STATEMENT_TEXT_PENDING,
        STATEMENT_TEXT_CUT,
        STATEMENT_EVENT_GET,
        STATEMENT_EVENT_LIST,
        STATEMENT_EVENT_LIST_JOB,
        STATEMENT_EVENT_NEWEST,
        STATEMENT_EVENT_PRUNED,
        STATEMENT_EVENT_STATUSES,
        STATEMENT_EVENT_UNLOGGED,
        STATEMENT_EVENT_PUT,
        STATEMENT_EVENT_PRUNE,
        STATEMENT_EVENT_PRUNE_TENTH,
        STATEMENT_CONFIGURED_PUT,
        STATEMENT_CONFIGURED_DELETE,
        STATEMENT_USAGE,
        STATEMENT_UNLOGGED_DELETE,
        STATEMENT_DELIVERY_PUT,
        STATEMENT_DELIVERY_PENDING,
        STATEMENT_DELIVERY_LIST,
        STATEMENT_DELIVERY_COUNT,
        STATEMENT_DELIVERY_END,
        STATEMENT_DELIVERY_GET,
        STATEMENT_DELIVERY_RENEW,
        STATEMENT_DELIVERY_RENEW_FAILED,
        STATEMENT_DELIVERY_CLOSE,
        STATEMENT_DELIVERY_DELETE,
        STATEMENT_DELIVERY_FAILED,
        STATEMENT_DELIVERY_HOOKS,
        STATEMENT_VALUE_GET,
        STATEMENT_VALUE_PUT,
        STATEMENT_VALUE_DELETE,
        STATEMENT_VALUE_PRUNE,
        STATEMENT_DISCOVERED_PUT,
        STATEMENT_DISCOVERED_DELETE,
        STATEMENT_DISCOVERED_GET,
        STATEMENT_DISCOVERED_NEXT,
        STATEMENT_MANUAL_PUT,
        STATEMENT_MANUAL_DELETE,
        STATEMENT_MANUAL_READ,
        STATEMENT_MANUAL_UNWATCHED,
        STATEMENT_MANUAL_NAMED,
        STATEMENT_MANUAL_GET,
        STATEMENT_MANUAL_PRUNE,
};

#define STATEMENT_COUNT (STATEMENT_MANUAL_PRUNE + 1)

struct store {
        sqlite3 *database;
        sqlite3_stmt *statements[STATEMENT_COUNT]; /* prepared at first use, kept until closing */
        char *directory;                           /* absolute */
        int lock;                                  /* descriptor of the lock file */
        bool has_reserve;                          /* see reserve.h */
        int wal_pages;                             /* see checkpoint.h */
        uint64_t max_size;                         /* 0: unlimited */

        bool in_callback; /* a handler is being called that must call nothing of this */
        bool in_batch;
        int batch_error; /* negative errno if the open batch is lost, else 0 */

        char error[256];
};

/*
 * Executes SQL. Unless ret_number is NULL, sets *ret_number to the number in the first column of the last
 * row, or 0 without a row.
 */
int store_execute(struct store *store, const char *sql, int64_t *ret_number);

/* Returns the statement, reset and unbound. Release it with CLEANUP(cleanup_statement) when its rows are
 * read. */
int store_statement(struct store *store, enum statement which, sqlite3_stmt **ret_statement);

static inline void cleanup_statement(sqlite3_stmt **statement)
{
        if (*statement == NULL)
                return;
        (void)sqlite3_reset(*statement);
        (void)sqlite3_clear_bindings(*statement);
}

/* Returns 1 if there is a row to read, 0 at the end. */
int store_step(struct store *store, sqlite3_stmt *statement);

/* Runs a statement without parameters. Sets *ret_number (may be NULL) as store_execute() does. */
int store_run(struct store *store, enum statement which, int64_t *ret_number);

/* Frees all statements. */
void store_statements_finalize(struct store *store);

/* Sets store_error() to a description of an error of SQLite and returns it as a negative errno. */
int store_fail_sqlite(struct store *store, int code);

/* Sets store_error() and returns `r`. */
int store_fail(struct store *store, int r, const char *description);
