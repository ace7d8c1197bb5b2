/* SPDX-License-Identifier: MIT */
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "state/sql/engine.h"
#include "util/cleanup.h"
#include "util/container.h"

/*
 * The connection to a server, and its errors. Functions return 0 or a negative errno, as in store.h, and set
 * the text of store_error().
 */

#define CONNECTION_LOST "the connection to the database was lost"

/* The parameters of the statement that has most. */
#define PARAMETERS_MAX 25

/* A statement: see state/sql/engine.h. */
struct query {
        enum statement which;
        int parameters; /* of its SQL */
        const char *values[PARAMETERS_MAX];
        int sizes[PARAMETERS_MAX];
        int64_t numbers[PARAMETERS_MAX]; /* in network byte order */
        PGresult *result;
        int row;
};

struct postgresql {
        struct store store;
        PGconn *connection; /* NULL: there is none */
        char *uri, *password, *instance, *host;
        unsigned wait_s; /* see struct store_database */
        struct query queries[STATEMENT_COUNT];
        int64_t number;         /* of the instance, in the table of all */
        bool stands_by;         /* this host is not the active one: it only reads */
        bool must_exist;        /* see struct store_database */
        bool has_tables;        /* they are there, and of this version: the statements are prepared */
        int64_t epoch;          /* of this host; 0: it has not been active yet */
        int64_t seen_us;        /* what the row of the instance says since the last transaction, */
        int64_t next_seen_us;   /* and what it will say if the one in progress is committed */
        bool in_transaction;    /* the connection must not be replaced by another one */
        bool in_savepoint;      /* an error does not end the transaction */
        bool savepoint_is_kept; /* its end has not been sent yet */
        uint64_t failed_us;     /* when connecting failed last; 0: it has not */
        int failure;            /* and how */
        uint64_t used;          /* bytes, as measured last */
        uint64_t written;       /* about so many since then */
        uint64_t transaction;   /* and since the transaction began, */
        uint64_t began_us;      /* which was at this time */
        bool used_is_stale;
};

static inline struct postgresql *postgresql_of(const struct store *store)
{
        union {
                const struct store *given;
                struct store *store;
        } pointer = { .given = store };

        return CONTAINER_OF(pointer.store, struct postgresql, store);
}

/* Opens a connection in the place of the one there is. session.h makes it usable. */
int postgresql_open(struct postgresql *postgresql);

void postgresql_disconnect(struct postgresql *postgresql);

/* Whether the server has the connection. */
bool postgresql_is_connected(const struct postgresql *postgresql);

/* Executes SQL. *ret_result, unless NULL, is the last result, which the caller clears. */
int postgresql_execute(struct postgresql *postgresql, const char *sql, PGresult **ret_result);

/* The same. *ret_number is as in engine.h. */
int postgresql_execute_number(struct postgresql *postgresql, const char *sql, int64_t *ret_number);

/* The last result of what was sent, which the caller clears, unless sending it failed. -EIO without a
 * connection. */
int postgresql_wait(struct postgresql *postgresql, bool was_sent, PGresult **ret_result);

static inline void cleanup_result(PGresult **result)
{
        PQclear(*result);
}
