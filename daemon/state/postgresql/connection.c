/* SPDX-License-Identifier: MIT */

/*
 * The connection: nothing waits for the server without a limit.
 *
 * The server limits each statement. That it does not answer at all, being frozen or out of reach, is seen
 * here: then the connection is closed, since nothing else may be sent over it, and a later transaction opens
 * another one. A frozen server still acknowledges packets, so that the limits of TCP do not end the wait.
 */

#include "state/postgresql/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "platform/clock.h"
#include "util/timespan.h"

/* Longer than the server's own limit of a statement. */
#define ANSWER_US (10 * USEC_PER_SEC)

/* ---- errors ---- */

static bool is_class(const char *code, const char *class)
{
        return strncmp(code, class, 2) == 0;
}

static int errno_of_code(const char *code)
{
        if (code == NULL) /* the connection is lost */
                return -EIO;
        if (strcmp(code, "23505") == 0) /* unique_violation */
                return -EEXIST;
        if (strcmp(code, "53100") == 0) /* disk_full */
                return -ENOSPC;
        if (strcmp(code, "25006") == 0) /* read_only_sql_transaction: a replica */
                return -EROFS;
        if (strcmp(code, "42501") == 0 || is_class(code, "28")) /* privileges, authorization */
                return -EACCES;
        if (is_class(code, "54")) /* program limits */
                return -E2BIG;
        /*
         * Our statements are valid and our rows obey the schema, so a table or a row is not as it was made;
         * XX is an internal error, mostly of damaged files.
         */
        if (is_class(code, "22") || is_class(code, "23") || is_class(code, "42") || is_class(code, "XX"))
                return -EUCLEAN;
        return -EIO;
}

static const char *describe_errno(int r)
{
        switch (-r) {
        case ENOSPC:
                return "disk of the database server full";
        case EROFS:
                return "the database is read-only";
        case EACCES:
                return "no permission to access the database";
        case EUCLEAN:
                return "the database is damaged";
        case EEXIST:
                return "already exists";
        case E2BIG:
                return "too large";
        default:
                return "the database cannot be used";
        }
}

/* Of several addresses that were tried, the last. */
static const char *last_attempt(const char *text)
{
        static const char begin[] = "\nconnection to server at ";

        for (const char *next; (next = strstr(text, begin)) != NULL;)
                text = next + 1;
        return text;
}

/* Sets store_error(); `text` is of libpq, of one or more lines. */
static int fail(struct postgresql *postgresql, int r, const char *what, const char *code, const char *text)
{
        struct store *store = &postgresql->store;
        char lines[180];
        size_t size = 0;

        for (const char *at = last_attempt(text); *at != '\0' && size < sizeof(lines) - 1; at++)
                if (*at != '\n')
                        lines[size++] = *at;
                else if (at[1] != '\0')
                        lines[size++] = ';';
        lines[size] = '\0';
        (void)snprintf(store->error, sizeof(store->error), "%s (PostgreSQL: %s%s%s)", what, lines,
                       code != NULL ? ", code " : "", code != NULL ? code : "");
        /* An error ends the transaction, unless there is a savepoint. Later writes cannot succeed. */
        if (store->in_batch && store->batch_error == 0 &&
            (!postgresql->in_savepoint || !postgresql_is_connected(postgresql)))
                store->batch_error = r;
        return r;
}

/* The connection is of no use any more. */
static int fail_connection(struct postgresql *postgresql, int r, const char *what, const char *text)
{
        postgresql->in_savepoint = false;
        r = fail(postgresql, r, what, NULL, text);
        postgresql_disconnect(postgresql);
        return r;
}

/* ---- the end of a statement ---- */

bool postgresql_is_connected(const struct postgresql *postgresql)
{
        return postgresql->connection != NULL && PQstatus(postgresql->connection) == CONNECTION_OK;
}

/* Waits until the server has answered, up to a time. Returns whether it has; a lost connection is an answer.
 */
static bool wait_for_answer(PGconn *connection, uint64_t end_us)
{
        while (PQisBusy(connection)) {
                uint64_t now_us = clock_process_us();
                struct pollfd poller = { .fd = PQsocket(connection), .events = POLLIN };

                if (now_us >= end_us)
                        return false;
                if (PQflush(connection) > 0)
                        poller.events |= POLLOUT;
                (void)poll(&poller, 1, (int)((end_us - now_us) / USEC_PER_MSEC) + 1);
                if (poller.revents != 0 && PQconsumeInput(connection) == 0)
                        return true;
        }
        return true;
}

int postgresql_wait(struct postgresql *postgresql, bool was_sent, PGresult **ret_result)
{
        PGconn *connection = postgresql->connection;
        uint64_t end_us = clock_process_us() + ANSWER_US;
        PGresult *result = NULL, *next;

        if (connection == NULL)
                return store_fail(&postgresql->store, -EIO, CONNECTION_LOST);
        if (!was_sent)
                return fail_connection(postgresql, -EIO, CONNECTION_LOST, PQerrorMessage(connection));
        for (;;) {
                if (!wait_for_answer(connection, end_us)) {
                        PQclear(result);
                        return fail_connection(postgresql, -EIO, CONNECTION_LOST,
                                               "the server does not answer");
                }
                next = PQgetResult(connection);
                if (next == NULL)
                        break;
                PQclear(result);
                result = next;
                if (PQstatus(connection) != CONNECTION_OK)
                        break;
        }

        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
                *ret_result = result;
                return 0;
        }
        const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
        int r = errno_of_code(code);
        if (PQstatus(connection) != CONNECTION_OK)
                r = fail_connection(postgresql, r, CONNECTION_LOST, PQerrorMessage(connection));
        else
                r = fail(postgresql, r, describe_errno(r), code,
                         text != NULL ? text : PQerrorMessage(connection));
        PQclear(result);
        return r;
}

int postgresql_execute(struct postgresql *postgresql, const char *sql, PGresult **ret_result)
{
        PGresult *result = NULL;

        int r = postgresql_wait(postgresql, PQsendQuery(postgresql->connection, sql) == 1, &result);
        if (r < 0)
                return r;
        if (ret_result != NULL)
                *ret_result = result;
        else
                PQclear(result);
        return 0;
}

int postgresql_execute_number(struct postgresql *postgresql, const char *sql, int64_t *ret_number)
{
        CLEANUP(cleanup_result) PGresult *result = NULL;

        int r = postgresql_execute(postgresql, sql, &result);
        if (r < 0)
                return r;
        int rows = PQntuples(result);
        if (ret_number != NULL)
                *ret_number = rows > 0 ? strtoll(PQgetvalue(result, rows - 1, 0), NULL, 10) : 0;
        return 0;
}

/* ---- connecting ---- */

static PGconn *open_connection(const struct postgresql *postgresql)
{
        /* The later ones prevail over those of the URI. */
        const char *const keys[] = {
                "application_name",
                "dbname",
                "password",
                "client_encoding",
                "connect_timeout",
                "keepalives",
                "keepalives_idle",
                "keepalives_interval",
                "keepalives_count",
                "tcp_user_timeout",
                NULL,
        };
        const char *const values[] = {
                "jobwatchd", postgresql->uri, postgresql->password, "UTF8", "5", "1", "5", "2", "2", "8000",
                NULL,
        };

        return PQconnectdbParams(keys, values, 1);
}

int postgresql_open(struct postgresql *postgresql)
{
        postgresql_disconnect(postgresql);
        postgresql->connection = open_connection(postgresql);
        if (postgresql_is_connected(postgresql))
                return 0;

        /* libpq does not say why. The server may have stopped answering after it had asked for a password. */
        bool is_refused = (PQconnectionUsedPassword(postgresql->connection) != 0 ||
                           PQconnectionNeedsPassword(postgresql->connection) != 0) &&
                          strstr(PQerrorMessage(postgresql->connection), "timeout expired") == NULL;
        return fail_connection(postgresql, is_refused ? -EACCES : -EIO, "cannot connect to the database",
                               PQerrorMessage(postgresql->connection));
}

void postgresql_disconnect(struct postgresql *postgresql)
{
        PQfinish(postgresql->connection);
        postgresql->connection = NULL;
}
