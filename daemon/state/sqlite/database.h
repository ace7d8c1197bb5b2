/* SPDX-License-Identifier: MIT */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "state/sql/engine.h"
#include "util/cleanup.h"
#include "util/container.h"

/*
 * The connection and its errors. Functions return 0 or a negative errno, as in store.h, and set the text of
 * store_error().
 */

struct sqlite {
        struct store store;
        sqlite3 *database;
        sqlite3_stmt *statements[STATEMENT_COUNT]; /* prepared at first use, kept until closing */
        char *directory;                           /* absolute */
        int lock;                                  /* descriptor of the lock file */
        bool has_reserve;                          /* see reserve.h */
        int wal_pages;                             /* see checkpoint.h */
};

static inline struct sqlite *sqlite_of(const struct store *store)
{
        union {
                const struct store *given;
                struct store *store;
        } pointer = { .given = store };

        return CONTAINER_OF(pointer.store, struct sqlite, store);
}

/*
 * Executes SQL. Unless ret_number is NULL, sets *ret_number to the number in the first column of the last
 * row, or 0 without a row.
 */
int sqlite_execute(struct store *store, const char *sql, int64_t *ret_number);

/* Whether a transaction is open. */
bool sqlite_is_in_transaction(const struct store *store);

/* Sets store_error() to a description of an error of SQLite and returns it as a negative errno. */
int store_fail_sqlite(struct store *store, int code);
