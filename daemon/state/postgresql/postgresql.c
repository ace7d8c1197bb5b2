/* SPDX-License-Identifier: MIT */

/*
 * The state in a PostgreSQL database. The files, from top to bottom:
 *  - postgresql.c     opening, closing, transactions
 *  - queries.c        statements and their rows
 *  - session.c        settings, the lock and the epoch
 *  - schema.c         the tables, and their migrations
 *  - connection.c     the connection: what is sent, how long it may take, errors
 *
 * There is one connection. If it is lost, the next transaction opens another one.
 */

#include "state/postgresql/postgresql.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/clock.h"
#include "state/postgresql/connection.h"
#include "state/postgresql/queries.h"
#include "state/postgresql/session.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/timespan.h"
#include "version.h"

/* A batch should end: its size, and its time, since each statement waits for a server that may be far away.
 */
#define BATCH_SIZE_MAX    (4 * 1024 * 1024)
#define BATCH_TIME_MAX_US (1 * USEC_PER_SEC)

/* What may be written before the size is measured again. */
#define MEASURE_INTERVAL (4 * 1024 * 1024)

/* ---- transactions ---- */

static void rollback(struct store *store)
{
        struct postgresql *postgresql = postgresql_of(store);
        char error[sizeof(store->error)];

        memcpy(error, store->error, sizeof(error));
        if (postgresql->in_transaction && postgresql_is_connected(postgresql))
                (void)postgresql_execute(postgresql, "ROLLBACK", NULL);
        postgresql->in_transaction = postgresql->in_savepoint = postgresql->savepoint_is_kept = false;
        memcpy(store->error, error, sizeof(error));
}

/* The first statement of each transaction finds no row if another host has taken over. */
static int begin(struct store *store)
{
        struct postgresql *postgresql = postgresql_of(store);
        CLEANUP(cleanup_result) PGresult *result = NULL;
        char sql[256];

        rollback(store); /* an earlier one may have failed */
        int r = session_connect(postgresql);
        if (r < 0)
                return r;
        (void)snprintf(
                sql, sizeof(sql),
                "BEGIN; UPDATE jobwatchd.instance SET seen = now() WHERE number = %lld AND epoch = %lld "
                "RETURNING " SEEN_US,
                (long long)postgresql->number, (long long)postgresql->epoch);
        postgresql->in_transaction = true;
        r = postgresql_execute(postgresql, postgresql->stands_by ? "BEGIN READ ONLY" : sql, &result);
        if (r >= 0 && !postgresql->stands_by) {
                if (PQntuples(result) == 1)
                        postgresql->next_seen_us = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
                else
                        r = store_fail(store, -ESTALE, TAKEN_OVER);
        }
        if (r < 0)
                rollback(store);
        postgresql->transaction = 0;
        postgresql->began_us = clock_process_us();
        return r;
}

static int commit(struct store *store)
{
        struct postgresql *postgresql = postgresql_of(store);
        CLEANUP(cleanup_result) PGresult *result = NULL;

        int r = postgresql_execute(postgresql, "COMMIT", &result);
        if (r >= 0 && strcmp(PQcmdStatus(result), "COMMIT") != 0) /* an error had ended it */
                r = store_fail(store, -EIO, "the transaction was rolled back");
        if (r >= 0 && !postgresql->stands_by)
                postgresql->seen_us = postgresql->next_seen_us;
        postgresql->in_transaction = postgresql->in_savepoint = postgresql->savepoint_is_kept = false;
        return r;
}

/* That one is kept is sent together with the next, or is part of the commit. */
static int savepoint(struct store *store, enum savepoint what)
{
        struct postgresql *postgresql = postgresql_of(store);
        bool is_kept = postgresql->savepoint_is_kept;

        postgresql->savepoint_is_kept = what == SAVEPOINT_KEEP;
        if (what == SAVEPOINT_KEEP) {
                postgresql->in_savepoint = false;
                return 0;
        }
        int r = postgresql_execute(postgresql,
                                   what == SAVEPOINT_UNDO
                                           ? "ROLLBACK TO SAVEPOINT step; RELEASE SAVEPOINT step"
                                   : is_kept ? "RELEASE SAVEPOINT step; SAVEPOINT step"
                                             : "SAVEPOINT step",
                                   NULL);
        postgresql->in_savepoint = r >= 0 && what == SAVEPOINT_SET;
        return r;
}

static bool is_full(const struct store *store)
{
        const struct postgresql *postgresql = postgresql_of(store);

        return postgresql->transaction > BATCH_SIZE_MAX ||
               clock_process_us() >= postgresql->began_us + BATCH_TIME_MAX_US;
}

/* ---- the rest of an engine ---- */

static int execute(struct store *store, const char *sql, int64_t *ret_number)
{
        struct postgresql *postgresql = postgresql_of(store);

        int r = session_connect(postgresql);
        return r < 0 ? r : postgresql_execute_number(postgresql, sql, ret_number);
}

static int prepare(struct store *store, enum statement which, struct query **ret_query)
{
        struct postgresql *postgresql = postgresql_of(store);

        int r = session_connect(postgresql);
        if (r >= 0 && !postgresql->has_tables)
                r = store_fail(store, -EOPNOTSUPP, "its tables are those of another version of jobwatchd");
        if (r >= 0)
                *ret_query = &postgresql->queries[which];
        return r;
}

/* To measure it reads all tables: in between it is estimated. */
static int used_bytes(struct store *store, uint64_t *ret_bytes)
{
        struct postgresql *postgresql = postgresql_of(store);

        if (postgresql->used_is_stale || postgresql->written > MEASURE_INTERVAL) {
                struct query *query = NULL;
                struct column column = { .number = 0 };

                int r = prepare(store, STATEMENT_USAGE, &query);
                if (r < 0)
                        return r;
                r = query_step(store, query);
                if (r > 0)
                        query_read_column(query, 0, &column);
                query_release(query);
                if (r < 0)
                        return r;
                postgresql->used = (uint64_t)column.number;
                postgresql->written = 0;
                postgresql->used_is_stale = false;
        }
        *ret_bytes = postgresql->used + postgresql->written;
        return 0;
}

/* ---- opening and closing ---- */

static struct store *close_store(struct store *store)
{
        struct postgresql *postgresql = postgresql_of(store);

        for (size_t i = 0; i < STATEMENT_COUNT; i++)
                query_release(&postgresql->queries[i]);
        postgresql_disconnect(postgresql); /* an open transaction is rolled back */
        if (postgresql->password != NULL)
                explicit_bzero(postgresql->password, strlen(postgresql->password));
        free(postgresql->password);
        free(postgresql->uri);
        free(postgresql->instance);
        free(postgresql->host);
        free(postgresql);
        return NULL;
}

static const struct engine postgresql_engine = {
        .close = close_store,
        .begin = begin,
        .commit = commit,
        .rollback = rollback,
        .savepoint = savepoint,
        .is_full = is_full,
        .execute = execute,
        .prepare = prepare,
        .bind = query_bind,
        .step = query_step,
        .read_column = query_read_column,
        .release = query_release,
        .read_text = query_read_text,
        .used_bytes = used_bytes,
        .take_over = session_take_over,
        .ask_for_handover = session_ask_for_handover,
        .active_host = session_active_host,
};

static int refuse(const struct postgresql *postgresql, int r, char **ret_message)
{
        const char *uri = postgresql->uri, *error = postgresql->store.error;

        switch (-r) {
        case EBUSY:
                return fail_with_message(r, ret_message,
                                         "%s cannot be used: %s. Stop the other jobwatchd and start again.",
                                         uri, error);
        case ENOENT:
                return fail_with_message(
                        r, ret_message,
                        "%s cannot be used: %s. It was not changed. Check its name, and --instance.", uri,
                        error);
        case EOPNOTSUPP:
                return fail_with_message(r, ret_message, "%s cannot be used: %s. It was not changed.", uri,
                                         error);
        case EUCLEAN:
                return fail_with_message(
                        r, ret_message,
                        "%s cannot be used: %s. It was not changed. If its tables were altered, "
                        "restore them or a backup.",
                        uri, error);
        case EACCES:
                return fail_with_message(
                        r, ret_message,
                        "%s cannot be used: %s. Check the role, its password and its rights; "
                        "see database in jobwatchd.ini(5).",
                        uri, error);
        default:
                return fail_with_message(
                        r, ret_message,
                        "Cannot open %s: %s. No data was lost. Fix the cause and start again.", uri, error);
        }
}

static int open_database(const struct store_database *database, char **ret_message, struct store **ret_store)
{
        struct postgresql *postgresql = memory_need(calloc(1, sizeof(*postgresql)));
        struct store *store = &postgresql->store;

        store->engine = &postgresql_engine;
        postgresql->uri = memory_need(strdup(database->uri));
        postgresql->instance = memory_need(strdup(database->instance != NULL ? database->instance : ""));
        if (database->password != NULL)
                postgresql->password = memory_need(strdup(database->password));
        postgresql->host = memory_need(strdup(database->host != NULL ? database->host : ""));
        postgresql->wait_s = database->wait_s;
        postgresql->stands_by = database->stands_by;
        postgresql->must_exist = database->must_exist;
        postgresql->used_is_stale = true;

        int r = database->stands_by ? 0 : session_connect(postgresql);
        if (r < 0) {
                r = refuse(postgresql, r, ret_message);
                close_store(store);
                return r;
        }
        store->error[0] = '\0';
        *ret_store = store;
        return 0;
}

const struct postgresql_module jobwatchd_postgresql = {
        .version = JOBWATCH_VERSION,
        .open = open_database,
};
