/* SPDX-License-Identifier: MIT */

/*
 * The connection: the SQL of every statement, and the translation of SQLite's errors.
 *
 * Statements are prepared when first used and then kept. The cleanup attribute resets and unbinds them at the
 * end of the function that uses them; none stays open across a return, since an open statement would block
 * checkpoints and rollbacks.
 */

#include "state/sqlite/database.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_COLUMNS                                                                                       \
        "flags, business_id, guid, description, files, business, user, email, created_on, updated_on, "      \
        "status"

#define EVENT_COLUMNS                                                                                        \
        "sequence, id, kind, outcome, time_us, job, first_sight, job_name, " RECORD_COLUMNS                  \
        ", status_before, result_hash, result_size, before_hash, before_size, discover"

/* The text t is the last result of its job. */
#define CURRENT                                                                                              \
        "EXISTS (SELECT 1 FROM jobs WHERE id = t.job AND result_hash = t.hash AND result_size = t.size)"

/* ?1, or the time of the latest event if that is earlier; and ?2 before that */
#define NOW "min(?1, coalesce((SELECT time_us FROM events ORDER BY sequence DESC LIMIT 1), ?1))"
#define OLD "(" NOW " - ?2)"

/* The job is configured or was added, or was discovered and has not ended. */
#define WATCHED                                                                                              \
        "(id IN (SELECT job FROM configured WHERE job IS NOT NULL) "                                         \
        "OR id IN (SELECT job FROM manual WHERE kind IN ('added', 'extended')) "                             \
        "OR (outcome = 'open' AND id IN (SELECT job FROM discovered) "                                       \
        "AND id NOT IN (SELECT job FROM manual WHERE kind = 'dismissed')))"

/* A discovered job that ended less than seven days ago, or could be taken for a new one. */
#define DISCOVERED                                                                                           \
        "EXISTS (SELECT 1 FROM discovered AS d WHERE d.job = id "                                            \
        "AND (removed_us > " NOW " - 604800000000 OR (d.form = ?4 AND d.created > ?3)))"

/* Not the latest event, logged, and without pending deliveries, up to a closing parenthesis. */
#define PRUNABLE                                                                                             \
        "sequence < (SELECT max(sequence) FROM events) "                                                     \
        "AND NOT EXISTS (SELECT 1 FROM unlogged WHERE event = sequence) "                                    \
        "AND NOT EXISTS (SELECT 1 FROM deliveries AS d WHERE d.event = sequence AND d.state = 'pending'"

/* One that has failed begins anew. */
#define RENEW                                                                                                \
        "UPDATE deliveries SET attempts = iif(state = 'failed', 0, attempts), state = 'pending', "           \
        "next_us = 0 WHERE "

static const char *const statement_texts[STATEMENT_COUNT] = {
        [STATEMENT_JOB_GET] = "SELECT outcome, stalled, changed_us, result_hash, result_size, " RECORD_COLUMNS
                              ", removed_us FROM jobs WHERE id = ?1",
        /* An upsert, so that the triggers of an update run. "stalled" is no change. */
        [STATEMENT_JOB_PUT] =
                "INSERT INTO jobs (id, outcome, stalled, changed_us, result_hash, "
                "result_size, " RECORD_COLUMNS ", first_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
                "?11, ?12, ?13, ?14, ?15, ?16, ?17, ?4) ON CONFLICT (id) DO UPDATE SET (outcome, stalled, "
                "changed_us, result_hash, result_size, " RECORD_COLUMNS
                ") = (?2, ?3, iif(?3, changed_us, ?4), ?5, ?6, ?7, "
                "?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        /* A long result is not read with its row. The last columns are for one job. */
        [STATEMENT_JOB_LIST] =
                "SELECT j.id, outcome, changed_us, first_us, result_size, flags, business_id, description, "
                "business, "
                "status, (SELECT sections FROM discovered WHERE job = j.id), "
                "coalesce((SELECT kind FROM events WHERE job = j.id ORDER BY sequence DESC LIMIT 1), ''), "
                "iif(" TEXT_IS_LARGE ", NULL, data), iif(" TEXT_IS_LARGE ", t.id, 0), "
                "guid, files, created_on, updated_on "
                "FROM jobs AS j LEFT JOIN texts AS t "
                "ON t.job = j.id AND hash = result_hash AND size = result_size "
                "WHERE j.id > ?1 AND j.id <= ?2 ORDER BY j.id",
        /* One that had ended before it was watched took a time that is not known. */
        [STATEMENT_JOB_DURATIONS] =
                "SELECT changed_us - first_us, description FROM jobs WHERE outcome IN ('success', 'failure') "
                "AND changed_us > first_us ORDER BY changed_us DESC LIMIT ?1",
        [STATEMENT_JOB_STATUSES] = "SELECT id, status, changed_us FROM jobs WHERE id > ?1 ORDER BY id",
        /* When a job was first found not to be watched; 0: it is. */
        [STATEMENT_JOB_CONFIGURED] = "UPDATE jobs SET removed_us = iif(" WATCHED ", 0, max(1, " NOW ")) "
                                     "WHERE (removed_us = 0) <> " WATCHED,
        [STATEMENT_JOB_PRUNE] =
                "DELETE FROM jobs WHERE removed_us > 0 AND removed_us <= " OLD " AND NOT " DISCOVERED,

        [STATEMENT_TEXT_GET] = "SELECT data FROM texts WHERE job = ?1 AND hash = ?2 AND size = ?3",
        /* A long one is not read with its row. */
        [STATEMENT_TEXT_HEAD] = "SELECT id, iif(" TEXT_IS_LARGE ", NULL, data) FROM texts "
                                "WHERE job = ?1 AND hash = ?2 AND size = ?3",
        /* One that was cut becomes whole again, and the latest. */
        [STATEMENT_TEXT_PUT] =
                "INSERT INTO texts (job, hash, size, data) VALUES (?1, ?2, ?3, ?4) "
                "ON CONFLICT (job, hash, size) DO UPDATE SET (id, data) = ((SELECT max(id) + 1 FROM texts), "
                "?4) WHERE length(data) < ?3",
        [STATEMENT_TEXT_PENDING] =
                "SELECT sum(length(data) - 4097) FROM texts AS t WHERE " TEXT_IS_LARGE " AND NOT " CURRENT,
        /* The oldest one that only events `changed` need. */
        [STATEMENT_TEXT_CUT] = TEXT_CUT
        "id = (SELECT id FROM texts AS t WHERE " TEXT_IS_LARGE " "
        "AND NOT " CURRENT " AND NOT EXISTS (SELECT 1 FROM events AS e JOIN deliveries AS d "
        "ON d.event = e.sequence WHERE e.job = t.job AND e.kind <> 'changed' AND d.state <> 'done' "
        "AND ((e.result_hash = t.hash AND e.result_size = t.size) "
        "OR (e.before_hash = t.hash AND e.before_size = t.size))) ORDER BY id LIMIT 1)",

        [STATEMENT_EVENT_GET] = "SELECT " EVENT_COLUMNS " FROM events WHERE id = ?1",
        [STATEMENT_EVENT_LIST] = "SELECT " EVENT_COLUMNS " FROM events WHERE sequence > ?1 ORDER BY sequence",
        [STATEMENT_EVENT_LIST_JOB] =
                "SELECT " EVENT_COLUMNS " FROM events WHERE job = ?2 AND sequence > ?1 ORDER BY sequence",
        [STATEMENT_EVENT_NEWEST] = "SELECT coalesce(max(sequence), 0) FROM events",
        [STATEMENT_EVENT_PRUNED] = "SELECT sequence FROM pruned",
        [STATEMENT_EVENT_STATUSES] =
                "SELECT sequence, status, time_us FROM events WHERE sequence > ?1 ORDER BY sequence",
        [STATEMENT_EVENT_UNLOGGED] = "SELECT " EVENT_COLUMNS " FROM unlogged JOIN events ON sequence = event "
                                     "WHERE event > ?1 ORDER BY event LIMIT 1",
        [STATEMENT_EVENT_PUT] =
                "INSERT INTO events (" EVENT_COLUMNS ") VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, "
                "?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24)",
        [STATEMENT_EVENT_PRUNE] = "DELETE FROM events WHERE time_us <= " OLD " AND " PRUNABLE
                                  " AND d.hook IN (SELECT hook FROM configured))",
        [STATEMENT_EVENT_PRUNE_TENTH] =
                "DELETE FROM events WHERE sequence IN (SELECT sequence FROM events WHERE " PRUNABLE
                ") ORDER BY sequence LIMIT (SELECT count(*) / 10 + 1 FROM events))",
        [STATEMENT_CONFIGURED_PUT] = "INSERT INTO configured (hook, job) VALUES (?1, ?2)",
        [STATEMENT_CONFIGURED_DELETE] = "DELETE FROM configured",
        [STATEMENT_USAGE] = "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, "
                            "pragma_freelist_count, pragma_page_size",

        [STATEMENT_UNLOGGED_DELETE] =
                "DELETE FROM unlogged WHERE event = (SELECT sequence FROM events WHERE id = ?1)",

        [STATEMENT_DELIVERY_PUT] =
                "INSERT INTO deliveries (event, job, hook, next_us) VALUES (?1, ?2, ?3, ?4)",
        [STATEMENT_DELIVERY_PENDING] =
                "SELECT d.id, e.id, d.job, d.attempts, d.next_us, max(d.next_us - coalesce(d.ended_us, 0), "
                "0), e.time_us "
                "FROM deliveries AS d JOIN events AS e ON e.sequence = d.event "
                "WHERE d.state = 'pending' AND d.hook = ?1 AND d.id > ?2 ORDER BY d.id",
        [STATEMENT_DELIVERY_LIST] =
                "SELECT d.id, e.id, e.kind, d.event, d.job, d.state, d.attempts, d.next_us, "
                "CAST(d.hook AS BLOB), CAST(d.error AS BLOB) "
                "FROM deliveries AS d JOIN events AS e ON e.sequence = d.event "
                "WHERE d.state <> 'done' AND d.id > ?1 ORDER BY d.id",
        [STATEMENT_DELIVERY_COUNT] =
                "SELECT coalesce(sum(state = 'pending'), 0), coalesce(sum(state = 'failed'), 0) "
                "FROM events AS e JOIN deliveries AS d ON d.event = e.sequence "
                "WHERE e.job = ?1",
        [STATEMENT_DELIVERY_END] = "UPDATE deliveries SET state = ?2, attempts = attempts + 1, next_us = ?3 "
                                   "+ ?4, ended_us = ?3, "
                                   "error = ?5 WHERE id = ?1 AND state = 'pending'",
        [STATEMENT_DELIVERY_GET] =
                "SELECT d.id, e.id, d.job, d.attempts, d.next_us, max(d.next_us - coalesce(d.ended_us, 0), "
                "0), e.time_us, d.state, CAST(d.hook AS BLOB), e.job_name, CAST(d.error AS BLOB) "
                "FROM deliveries AS d JOIN events AS e ON e.sequence = d.event WHERE d.id = ?1",
        [STATEMENT_DELIVERY_RENEW] = RENEW "id = ?1 AND state IN ('pending', 'failed')",
        [STATEMENT_DELIVERY_RENEW_FAILED] = RENEW "hook = ?1 AND state = 'failed'",
        /* First, so that the trigger of a delivery that is done cuts texts that nobody needs any more. */
        [STATEMENT_DELIVERY_CLOSE] =
                "UPDATE deliveries SET state = 'done' WHERE id = ?1 AND state IN ('pending', 'failed')",
        [STATEMENT_DELIVERY_DELETE] = "DELETE FROM deliveries WHERE id = ?1",
        [STATEMENT_DELIVERY_FAILED] =
                "SELECT job, hook, EXISTS (SELECT 1 FROM manual AS m WHERE m.job = d.job "
                "AND m.kind IN ('added', 'extended')) FROM deliveries AS d WHERE state = 'failed'",
        [STATEMENT_DELIVERY_HOOKS] =
                "SELECT hook, count(*) FROM deliveries WHERE state = 'pending' GROUP BY hook",

        [STATEMENT_VALUE_GET] = "SELECT data FROM \"values\" WHERE key = ?1",
        [STATEMENT_VALUE_PUT] = "INSERT OR REPLACE INTO \"values\" (key, data) VALUES (?1, ?2)",
        [STATEMENT_VALUE_DELETE] = "DELETE FROM \"values\" WHERE key = ?1",
        /* Those about an account or a job. */
        [STATEMENT_VALUE_PRUNE] = "DELETE FROM \"values\" WHERE key GLOB '* of *' "
                                  "AND written * 1000000 <= " OLD,

        [STATEMENT_DISCOVERED_PUT] =
                "INSERT OR REPLACE INTO discovered (job, sections, created, form) VALUES (?1, ?2, ?3, ?4)",
        [STATEMENT_DISCOVERED_DELETE] = "DELETE FROM discovered WHERE job = ?1",
        [STATEMENT_DISCOVERED_GET] = "SELECT sections FROM discovered WHERE job = ?1",
        /* Without its first event a job is not known at all. */
        [STATEMENT_DISCOVERED_NEXT] = "SELECT d.job, d.sections, d.created, d.form, j.outcome "
                                      "FROM discovered AS d JOIN jobs AS j ON j.id = d.job "
                                      "WHERE d.job > ?1 ORDER BY d.job LIMIT 1",

        [STATEMENT_MANUAL_PUT] =
                "INSERT OR REPLACE INTO manual (job, kind, name, hooks, again) VALUES (?1, ?2, ?3, ?4, ?5)",
        [STATEMENT_MANUAL_DELETE] = "DELETE FROM manual WHERE job = ?1",
        [STATEMENT_MANUAL_READ] = "UPDATE manual SET again = 0 WHERE job = ?1",
        /* Changes may have been missed until now, though nothing was pruned in between. */
        [STATEMENT_MANUAL_UNWATCHED] =
                "UPDATE jobs SET removed_us = max(1, unixepoch() * 1000000) WHERE id = ?1 AND removed_us = 0 "
                "AND NOT EXISTS (SELECT 1 FROM manual WHERE job = ?1 AND kind IN ('added', 'extended'))",
        [STATEMENT_MANUAL_NAMED] = "SELECT job FROM manual WHERE name = ?1 AND job <> ?2 "
                                   "AND kind IN ('added', 'extended')",
        /* The first one from ?1 on. */
        [STATEMENT_MANUAL_GET] = "SELECT job, kind, name, hooks, again, written FROM manual WHERE job >= ?1 "
                                 "ORDER BY job LIMIT 1",
        /* A job that was dismissed before its first event is forgotten like one that was recorded. */
        [STATEMENT_MANUAL_PRUNE] =
                "DELETE FROM manual WHERE kind = 'dismissed' AND job NOT IN (SELECT id FROM jobs) "
                "AND job NOT IN (SELECT job FROM configured WHERE job IS NOT NULL) "
                "AND written * 1000000 <= min(" OLD ", " NOW " - 604800000000)",
};

/* ---- errors ---- */

static int errno_of_system(int system_errno)
{
        if (system_errno == EDQUOT || system_errno == EFBIG) /* -EDQUOT is max_size's */
                return -ENOSPC;
        return system_errno != 0 ? -system_errno : -EIO;
}

static int errno_of_sqlite(sqlite3 *database, int code)
{
        if (code == SQLITE_IOERR_CORRUPTFS)
                return -EUCLEAN;
        if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY)
                return -EEXIST;

        switch (code & 0xff) {
        case SQLITE_FULL:
                return -ENOSPC;
        case SQLITE_READONLY:
                return -EROFS;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
        case SQLITE_NOMEM:      /* a size in the file that is none, see allocator.h */
        case SQLITE_CONSTRAINT: /* our rows obey the schema, so existing ones do not */
        case SQLITE_ERROR:      /* our statements are valid, so a table is missing */
                return -EUCLEAN;
        case SQLITE_IOERR:
                return errno_of_system(sqlite3_system_errno(database));
        case SQLITE_CANTOPEN:
                return sqlite3_system_errno(database) != 0 ? errno_of_system(sqlite3_system_errno(database))
                                                           : -EACCES;
        case SQLITE_PERM:
        case SQLITE_AUTH:
                return -EACCES;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return -EBUSY;
        case SQLITE_TOOBIG:
                return -E2BIG;
        default:
                return -EIO;
        }
}

static const char *describe_errno(int r)
{
        switch (-r) {
        case ENOMEM:
                return "out of memory";
        case ENOSPC:
                return "disk full";
        case EROFS:
                return "file system or database is read-only";
        case EACCES:
        case EPERM:
                return "no permission to access the database";
        case EUCLEAN:
                return "the database is damaged";
        case EBUSY:
                return "the database is in use by another program";
        case EEXIST:
                return "already exists";
        case E2BIG:
                return "too large";
        default:
                return "disk error";
        }
}

int store_fail_sqlite(struct store *store, int code)
{
        int r = errno_of_sqlite(store->database, code);

        /* Some errors, of reads too, end the transaction. Later writes must not run outside of it. */
        if (store->in_batch && store->batch_error == 0 && sqlite3_get_autocommit(store->database))
                store->batch_error = r;

        (void)snprintf(store->error, sizeof(store->error), "%s (SQLite: %s, code %d)", describe_errno(r),
                       store->database != NULL ? sqlite3_errmsg(store->database) : sqlite3_errstr(code),
                       code);
        return r;
}

int store_fail(struct store *store, int r, const char *description)
{
        (void)snprintf(store->error, sizeof(store->error), "%s", description);
        return r;
}

/* ---- statements ---- */

static int take_number(void *userdata, int count, char **values, char **names)
{
        (void)count;
        (void)names;
        *(int64_t *)userdata = values[0] != NULL ? strtoll(values[0], NULL, 10) : 0;
        return 0;
}

int store_execute(struct store *store, const char *sql, int64_t *ret_number)
{
        int64_t number = 0;

        int code = sqlite3_exec(store->database, sql, take_number, &number, NULL);
        if (code != SQLITE_OK)
                return store_fail_sqlite(store, code);
        if (ret_number != NULL)
                *ret_number = number;
        return 0;
}

int store_statement(struct store *store, enum statement which, sqlite3_stmt **ret_statement)
{
        assert(!store->in_callback);
        if (store->statements[which] == NULL) {
                int code = sqlite3_prepare_v3(store->database, statement_texts[which], -1,
                                              SQLITE_PREPARE_PERSISTENT, &store->statements[which], NULL);
                if (code != SQLITE_OK)
                        return store_fail_sqlite(store, code);
        }

        *ret_statement = store->statements[which];
        return 0;
}

void store_statements_finalize(struct store *store)
{
        for (size_t i = 0; i < STATEMENT_COUNT; i++) {
                (void)sqlite3_finalize(store->statements[i]);
                store->statements[i] = NULL;
        }
}

int store_step(struct store *store, sqlite3_stmt *statement)
{
        int code = sqlite3_step(statement);

        if (code == SQLITE_ROW)
                return 1;
        if (code == SQLITE_DONE)
                return 0;
        return store_fail_sqlite(store, code);
}

int store_run(struct store *store, enum statement which, int64_t *ret_number)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;

        int r = store_statement(store, which, &statement);
        if (r < 0)
                return r;
        r = store_step(store, statement);
        if (r >= 0 && ret_number != NULL)
                *ret_number = r > 0 ? sqlite3_column_int64(statement, 0) : 0;
        return r < 0 ? r : 0;
}
