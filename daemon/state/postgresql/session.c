/* SPDX-License-Identifier: MIT */

/*
 * A session. The lock of an instance is an advisory lock of its session, so that it ends with the connection.
 * What protects the state is the epoch: each transaction begins with a statement that finds no row if another
 * host has raised it.
 *
 * The limits are for each session, and read back, since a pooler may ignore them. The limit of idle sessions
 * is not among them: it needs a heartbeat.
 */

#include "state/postgresql/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "platform/clock.h"
#include "state/postgresql/queries.h"
#include "state/postgresql/schema.h"
#include "util/timespan.h"

#define OLDEST_VERSION 140000

/* Between attempts to connect that fail: each may take 5 s for each server. */
#define CONNECT_PAUSE_US (1 * USEC_PER_SEC)

/* "JOBW": the first key of the lock; the second is the number of the instance. */
#define LOCK_KEY "1246773847"

#define SETTINGS                                                                                             \
        "SET statement_timeout = '8s'; SET idle_in_transaction_session_timeout = '8s'; "                     \
        "SET client_connection_check_interval = '2s'; SET tcp_keepalives_idle = 5; "                         \
        "SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 2; SET tcp_user_timeout = '8s'; "       \
        "SET bytea_output = 'hex'; SET client_min_messages = warning; "

/* Messages of the server are part of its errors, or of no use to the user. */
static void ignore_notice(void *userdata, const PGresult *result)
{
        (void)userdata;
        (void)result;
}

static int check_server(struct postgresql *postgresql)
{
        struct store *store = &postgresql->store;
        int64_t process = 0, limit = 0;

        if (PQserverVersion(postgresql->connection) < OLDEST_VERSION)
                return store_fail(store, -EOPNOTSUPP, "PostgreSQL 14 or later is needed");
        int r = postgresql_execute_number(postgresql, "SELECT pg_backend_pid()", &process);
        if (r < 0)
                return r;
        if (process != PQbackendPID(postgresql->connection))
                return store_fail(store, -EOPNOTSUPP,
                                  "a connection pooler is in between; connect to the server itself");
        r = postgresql_execute_number(
                postgresql, SETTINGS "SELECT setting FROM pg_settings WHERE name = 'statement_timeout'",
                &limit);
        if (r >= 0 && limit != 8000)
                r = store_fail(store, -EOPNOTSUPP, "the server does not keep the settings of the session");
        return r;
}

static int take_lock(struct postgresql *postgresql)
{
        CLEANUP(cleanup_result) PGresult *result = NULL;
        char sql[128];

        (void)snprintf(sql, sizeof(sql), "SELECT pg_try_advisory_lock(" LOCK_KEY ", %lld)",
                       (long long)postgresql->number);
        int r = postgresql_execute(postgresql, sql, &result);
        if (r < 0)
                return r;
        if (strcmp(PQgetvalue(result, 0, 0), "t") != 0)
                return store_fail(&postgresql->store, -EBUSY, "another host uses the state");
        return 0;
}

static int take_epoch(struct postgresql *postgresql)
{
        int64_t epoch = 0;
        char sql[160];

        if (postgresql->epoch == 0)
                (void)snprintf(sql, sizeof(sql),
                               "UPDATE jobwatchd.instance SET epoch = epoch + 1, seen = now() "
                               "WHERE number = %lld RETURNING epoch",
                               (long long)postgresql->number);
        else
                (void)snprintf(sql, sizeof(sql), "SELECT epoch FROM jobwatchd.instance WHERE number = %lld",
                               (long long)postgresql->number);
        int r = postgresql_execute_number(postgresql, sql, &epoch);
        if (r < 0)
                return r;
        if (postgresql->epoch != 0 && postgresql->epoch != epoch)
                return store_fail(&postgresql->store, -ESTALE,
                                  "another host has taken over the state; restart the service");
        postgresql->epoch = epoch;
        return 0;
}

static int session_begin(struct postgresql *postgresql)
{
        (void)PQsetNoticeReceiver(postgresql->connection, ignore_notice, NULL);
        int r = check_server(postgresql);
        if (r >= 0)
                r = schema_find(postgresql);
        if (r >= 0)
                r = take_lock(postgresql);
        if (r >= 0)
                r = schema_use(postgresql);
        if (r >= 0)
                r = take_epoch(postgresql);
        return r < 0 ? r : queries_prepare(postgresql);
}

int session_connect(struct postgresql *postgresql)
{
        uint64_t now_us = clock_process_us();

        if (postgresql_is_connected(postgresql))
                return 0;
        if (postgresql->in_transaction)
                return postgresql_check(postgresql);
        if (postgresql->failed_us != 0 && now_us < postgresql->failed_us + CONNECT_PAUSE_US)
                return postgresql->failure; /* the error is still the same */

        int r = postgresql_open(postgresql);
        if (r >= 0)
                r = session_begin(postgresql);
        if (r < 0)
                postgresql_disconnect(postgresql);
        postgresql->failure = r;
        postgresql->failed_us = r < 0 ? clock_process_us() : 0;
        return r;
}
