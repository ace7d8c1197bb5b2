/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "state/sql/statement.h"
#include "state/store.h"
#include "util/text.h"

/*
 * A database engine: a connection to a database with the tables of the state, its transactions, and the rows
 * of its statements. What is stored, and by which SQL, is the same for every engine (statement.h).
 *
 * Functions return 0 or a negative errno, as in store.h, and then set the text of store_error(). Only the
 * thread that uses the store calls them.
 */

/* A prepared statement of an engine: with its parameters, and then with its rows. */
struct query;

enum column_type {
        COLUMN_NULL,
        COLUMN_NUMBER,
        COLUMN_STRING,
        COLUMN_BYTES,
        COLUMN_INVALID, /* none of these, or it could not be read */
};

/* A parameter, or a column of the present row: that is valid until the next row, or the release. */
struct column {
        enum column_type type;
        int64_t number;
        const void *data; /* of strings and bytes, not NULL */
        size_t size;
};

/* A savepoint within a transaction: there is at most one. */
enum savepoint {
        SAVEPOINT_SET,
        SAVEPOINT_KEEP, /* what was written since then is part of the transaction */
        SAVEPOINT_UNDO, /* it is undone */
};

struct engine {
        /* Rolls back an open transaction and frees the store. */
        struct store *(*close)(struct store *store);

        /* ---- transactions ---- */

        int (*begin)(struct store *store);
        int (*commit)(struct store *store);    /* if it fails, nothing of it is stored */
        void (*rollback)(struct store *store); /* keeps the text of store_error(); without one: nothing */
        int (*savepoint)(struct store *store,
                         enum savepoint savepoint); /* an error may have ended the transaction */
        /* Whether so much has been written since begin() that the transaction should end. */
        bool (*is_full)(const struct store *store);
        /* After -ENOSPC, outside of a transaction: makes room for the next one. NULL: it cannot. */
        void (*relieve)(struct store *store);

        /* ---- statements ---- */

        /* Executes SQL. *ret_number, unless NULL, is as in store_run(). */
        int (*execute)(struct store *store, const char *sql, int64_t *ret_number);
        /* The statement, without parameters and rows. It belongs to the store. */
        int (*prepare)(struct store *store, enum statement which, struct query **ret_query);
        /* Sets a parameter, which is null otherwise. Its data is borrowed until the release. */
        int (*bind)(struct store *store, struct query *query, int index, const struct column *column);
        /* Executes the statement or moves to its next row: 1 if there is one, 0 at the end. It sets what is
         * left of it in the store: `changes` and `last_id`. */
        int (*step)(struct store *store, struct query *query);
        void (*read_column)(struct query *query, int index, struct column *ret_column);
        void (*release)(struct query *query);

        /* Reads the first bytes of a text in a row of `texts`: the whole of it or `max` + 1. */
        int (*read_text)(struct store *store, uint64_t row, size_t max, struct text *ret_text);

        /* ---- the size ---- */

        int (*used_bytes)(struct store *store, uint64_t *ret_bytes);
        /* NULL, if the disk is not this host's: it is never low, and there is nothing to tidy. */
        bool (*disk_is_low)(const struct store *store);
        bool (*tidy)(struct store *store);

        /* ---- several hosts: NULL, if there is only one ---- */

        int (*take_over)(struct store *store, unsigned wait_s);
        int (*ask_for_handover)(struct store *store);
        int (*active_host)(struct store *store, struct store_active_host *ret_host);
};

/* What all engines share: the first member of their own struct. */
struct store {
        const struct engine *engine;
        struct store *host; /* for what is of this host; NULL: this one */
        uint64_t max_size;  /* 0: unlimited */
        uint64_t changes;   /* the rows that the last statement that wrote changed, */
        uint64_t last_id;   /* and the number that it gave to a new one */

        bool in_callback; /* a handler is being called that must call nothing of this */
        bool in_batch;
        int batch_error; /* negative errno if the open batch is lost, else 0 */

        char error[256];
};

/* Sets store_error() and returns `r`. */
static inline int store_fail(struct store *store, int r, const char *description)
{
        (void)snprintf(store->error, sizeof(store->error), "%s", description);
        return r;
}

/* Runs a statement without parameters. Unless ret_number is NULL, *ret_number is set to the number in the
 * first column of its first row, or to 0 without a row. */
int store_run(struct store *store, enum statement which, int64_t *ret_number);

/* Runs a statement whose only parameter is a number, and which has no rows. */
int store_run_with(struct store *store, enum statement which, uint64_t number);
