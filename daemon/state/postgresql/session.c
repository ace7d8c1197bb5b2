/* SPDX-License-Identifier: MIT */

/*
 * A session. The lock of an instance is an advisory lock of its session, so that it ends with the connection.
 * What protects the state is the epoch: each transaction begins with a statement that finds no row if another
 * host has raised it.
 *
 *      standing by --session_take_over(): the lock, then a higher epoch--> active
 *
 * The limits are for each session, and read back, since a pooler may ignore them. A session that is idle for
 * 8 s ends, for its process may be frozen; so an active host needs a heartbeat, and one that stands by tries
 * the lock more often than that.
 */

#include "state/postgresql/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/clock.h"
#include "state/postgresql/queries.h"
#include "state/postgresql/schema.h"
#include "util/message.h"
#include "util/timespan.h"

#define OLDEST_VERSION 140000

/* Between attempts to connect that fail: each may take 5 s for each server. */
#define CONNECT_PAUSE_US (1 * USEC_PER_SEC)

/* "JOBW": the first key of the lock; the second is the number of the instance. */
#define LOCK_KEY "1246773847"

#define SETTINGS                                                                                             \
        "SET statement_timeout = '8s'; SET idle_in_transaction_session_timeout = '8s'; "                     \
        "SET idle_session_timeout = '8s'; SET client_connection_check_interval = '2s'; "                     \
        "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 2; "       \
        "SET tcp_user_timeout = '8s'; SET bytea_output = 'hex'; SET client_min_messages = warning"

/* What another host relies on; the limits of TCP are none of a local socket. */
#define SHOW_SETTINGS                                                                                        \
        "SELECT (current_setting('statement_timeout') = '8s' "                                               \
        "AND current_setting('idle_in_transaction_session_timeout') = '8s' "                                 \
        "AND current_setting('idle_session_timeout') = '8s' "                                                \
        "AND current_setting('client_connection_check_interval') = '2s')::int"

/* The active host writes every second; after so many seconds without that it is said to be gone. */
#define GONE_SECONDS "5"

/* Messages of the server are part of its errors, or of no use to the user. */
static void ignore_notice(void *userdata, const PGresult *result)
{
        (void)userdata;
        (void)result;
}

static int check_server(struct postgresql *postgresql)
{
        struct store *store = &postgresql->store;
        int64_t process = 0, is_set = 0;

        if (PQserverVersion(postgresql->connection) < OLDEST_VERSION)
                return store_fail(store, -EOPNOTSUPP, "PostgreSQL 14 or later is needed");
        int r = postgresql_execute_number(postgresql, "SELECT pg_backend_pid()", &process);
        if (r < 0)
                return r;
        if (process != PQbackendPID(postgresql->connection))
                return store_fail(store, -EOPNOTSUPP,
                                  "a connection pooler is in between; connect to the server itself");
        r = postgresql_execute(postgresql, SETTINGS, NULL);
        if (r >= 0)
                r = postgresql_execute_number(postgresql, SHOW_SETTINGS, &is_set);
        if (r >= 0 && is_set == 0)
                r = store_fail(store, -EOPNOTSUPP, "the server does not keep the settings of the session");
        return r;
}

/* ---- the lock and the epoch ---- */

/* With `wait_s`, only if nobody has been active for so long. Returns 1 if it is taken, or 0. */
static int try_lock(struct postgresql *postgresql, unsigned wait_s)
{
        int64_t is_taken = 0;
        char sql[256];

        (void)snprintf(sql, sizeof(sql),
                       "SELECT (CASE WHEN %u = 0 OR epoch = 0 OR seen < now() - interval '%u s' "
                       "THEN pg_try_advisory_lock(" LOCK_KEY ", number) ELSE false END)::int "
                       "FROM jobwatchd.instance WHERE number = %lld",
                       wait_s, wait_s, (long long)postgresql->number);
        int r = postgresql_execute_number(postgresql, sql, &is_taken);
        return r < 0 ? r : (int)is_taken;
}

static int take_lock(struct postgresql *postgresql)
{
        int r = try_lock(postgresql, postgresql->epoch == 0 ? postgresql->wait_s : 0);

        return r == 0 ? store_fail(&postgresql->store, -EBUSY, "another host uses the state") : r > 0 ? 0 : r;
}

static int ask_epoch(struct postgresql *postgresql, const char *sql, int64_t *ret_epoch, int64_t *ret_seen_us)
{
        CLEANUP(cleanup_result) PGresult *result = NULL;

        int r = postgresql_execute(postgresql, sql, &result);
        if (r < 0)
                return r;
        if (PQntuples(result) != 1)
                return store_fail(&postgresql->store, -EUCLEAN, "the row of the instance is missing");
        *ret_epoch = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
        *ret_seen_us = strtoll(PQgetvalue(result, 0, 1), NULL, 10);
        return 0;
}

static int raise_epoch(struct postgresql *postgresql)
{
        const char *host = postgresql->host;
        char *name = PQescapeLiteral(postgresql->connection, host, strlen(host));

        if (name == NULL)
                return store_fail(&postgresql->store, -EINVAL, "the name of this host is not UTF-8");
        CLEANUP(cleanup_free)
        char *sql = format_message("UPDATE jobwatchd.instance SET epoch = epoch + 1, seen = now(), "
                                   "since = now(), host = %s WHERE number = %lld RETURNING epoch, " SEEN_US,
                                   name, (long long)postgresql->number);
        PQfreemem(name);
        return ask_epoch(postgresql, sql, &postgresql->epoch, &postgresql->seen_us);
}

static int check_epoch(struct postgresql *postgresql)
{
        int64_t epoch, seen_us;
        char sql[160];

        (void)snprintf(sql, sizeof(sql),
                       "SELECT epoch, " SEEN_US " FROM jobwatchd.instance WHERE number = %lld",
                       (long long)postgresql->number);
        int r = ask_epoch(postgresql, sql, &epoch, &seen_us);
        if (r < 0)
                return r;
        if (epoch != postgresql->epoch)
                return store_fail(&postgresql->store, -ESTALE, TAKEN_OVER);
        if (seen_us != postgresql->seen_us)
                return store_fail(&postgresql->store, -ESTALE,
                                  "the last transaction in the database is not the last one of this host");
        return 0;
}

/* The lock is taken. */
static int begin_active(struct postgresql *postgresql)
{
        int r = schema_use(postgresql);

        if (r >= 0)
                r = postgresql->epoch == 0 ? raise_epoch(postgresql) : check_epoch(postgresql);
        if (r >= 0 && !postgresql->has_tables)
                r = queries_prepare(postgresql);
        postgresql->has_tables = r >= 0;
        return r;
}

/* What another version has made cannot be read, until this host is active and changes it. */
static int begin_standby(struct postgresql *postgresql)
{
        int r = schema_find_current(postgresql);

        postgresql->has_tables = r > 0;
        return r > 0 ? queries_prepare(postgresql) : r;
}

static int session_begin(struct postgresql *postgresql)
{
        (void)PQsetNoticeReceiver(postgresql->connection, ignore_notice, NULL);
        postgresql->has_tables = false;
        int r = check_server(postgresql);
        if (r >= 0)
                r = schema_find(postgresql);
        if (r >= 0 && postgresql->stands_by)
                return begin_standby(postgresql);
        if (r >= 0)
                r = take_lock(postgresql);
        return r < 0 ? r : begin_active(postgresql);
}

/* ---- for the store ---- */

int session_connect(struct postgresql *postgresql)
{
        uint64_t now_us = clock_process_us();

        if (postgresql_is_connected(postgresql))
                return 0;
        if (postgresql->in_transaction)
                return store_fail(&postgresql->store, -EIO, CONNECTION_LOST);
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

/* The host that asks for a handover; "": none does. */
static int set_wanted(struct postgresql *postgresql, const char *host)
{
        char *name = PQescapeLiteral(postgresql->connection, host, strlen(host));

        if (name == NULL)
                return store_fail(&postgresql->store, -EINVAL, "the name of this host is not UTF-8");
        CLEANUP(cleanup_free)
        char *sql = format_message("UPDATE jobwatchd.instance SET wanted = %s WHERE number = %lld", name,
                                   (long long)postgresql->number);
        PQfreemem(name);
        return postgresql_execute(postgresql, sql, NULL);
}

int session_ask_for_handover(struct store *store)
{
        struct postgresql *postgresql = postgresql_of(store);

        int r = session_connect(postgresql);

        return r < 0 ? r : set_wanted(postgresql, postgresql->host);
}

int session_take_over(struct store *store, unsigned wait_s)
{
        struct postgresql *postgresql = postgresql_of(store);

        int r = session_connect(postgresql);

        if (r < 0)
                return r;
        if (!postgresql->stands_by)
                return 1;
        r = try_lock(postgresql, wait_s);
        if (r <= 0)
                return r;
        r = begin_active(postgresql);
        if (r >= 0)
                r = set_wanted(postgresql, "");
        if (r < 0) { /* which gives up the lock */
                postgresql_disconnect(postgresql);
                return r;
        }
        postgresql->stands_by = false;
        return 1;
}

int session_active_host(struct store *store, struct store_active_host *ret_host)
{
        struct postgresql *postgresql = postgresql_of(store);
        CLEANUP(cleanup_result) PGresult *result = NULL;
        char sql[256];

        int r = session_connect(postgresql);
        if (r < 0)
                return r;
        (void)snprintf(sql, sizeof(sql),
                       "SELECT host, (extract(epoch FROM since) * 1000000)::bigint, "
                       "seen < now() - interval '" GONE_SECONDS " s', wanted "
                       "FROM jobwatchd.instance WHERE number = %lld",
                       (long long)postgresql->number);
        r = postgresql_execute(postgresql, sql, &result);
        if (r < 0)
                return r;
        if (PQntuples(result) != 1)
                return store_fail(&postgresql->store, -EUCLEAN, "the row of the instance is missing");
        *ret_host = (struct store_active_host){
                .since_us = strtoull(PQgetvalue(result, 0, 1), NULL, 10),
                .is_gone = strcmp(PQgetvalue(result, 0, 2), "t") == 0,
        };
        (void)snprintf(ret_host->name, sizeof(ret_host->name), "%s", PQgetvalue(result, 0, 0));
        (void)snprintf(ret_host->wanted, sizeof(ret_host->wanted), "%s", PQgetvalue(result, 0, 3));
        return 0;
}
