/* SPDX-License-Identifier: MIT */

/*
 * The way to SQLite: every statement, what its errors mean, and transactions.
 *
 * Statements are prepared when first used and then kept. They are handed back (reset and unbound) by the
 * cleanup attribute at the end of the function that uses them; none stays open across a return, which would
 * hold up checkpoints and a rollback. Those of transactions are prepared by the first transaction before it
 * does anything, so that undoing something never fails for want of memory.
 *
 * A batch is a transaction, and each write in it a savepoint: one that fails is undone alone. Some failures
 * (a full disk, an I/O error) make SQLite give up the whole transaction; the batch is then lost, every call
 * that would join it fails as the first one did, and so does its end.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "state/sqlite/database.h"

#define RECORD_COLUMNS                                                                                       \
        "flags, business_id, guid, description, files, business, user, email, created_on, updated_on, "      \
        "status"

static const char *const statement_texts[STATEMENT_COUNT] = {
        [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
        [STATEMENT_COMMIT] = "COMMIT",
        [STATEMENT_ROLLBACK] = "ROLLBACK",
        [STATEMENT_STEP_BEGIN] = "SAVEPOINT step",
        [STATEMENT_STEP_KEEP] = "RELEASE step",
        [STATEMENT_STEP_UNDO] = "ROLLBACK TO step",

        [STATEMENT_JOB_GET] = "SELECT outcome, stalled, changed_us, result_hash, result_size, " RECORD_COLUMNS
                              ", sum FROM jobs WHERE id = ?1",
        [STATEMENT_JOB_PUT] =
                "INSERT OR REPLACE INTO jobs (id, outcome, stalled, changed_us, result_hash, "
                "result_size, " RECORD_COLUMNS ", sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, "
                "?12, ?13, ?14, ?15, ?16, ?17, ?18)",
        [STATEMENT_RESULT_GET] = "SELECT result FROM results WHERE job = ?1",
        [STATEMENT_RESULT_PUT] = "INSERT OR REPLACE INTO results (job, result) VALUES (?1, ?2)",

        [STATEMENT_EVENT_GET] = "SELECT id, kind, outcome, time_us, job, first_sight, same_result, "
                                "job_name, " RECORD_COLUMNS ", status_before, result_before, result, sum "
                                "FROM events WHERE sequence = ?1",
        [STATEMENT_EVENT_FIND] = "SELECT sequence FROM events WHERE id = ?1",
        [STATEMENT_EVENT_PUT] =
                "INSERT INTO events (id, kind, outcome, time_us, job, first_sight, same_result, "
                "job_name, " RECORD_COLUMNS ", status_before, result_before, result, sum) "
                "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, "
                "?19, "
                "?20, ?21, ?22, ?23)",
        [STATEMENT_EVENT_PRUNE] = "DELETE FROM events WHERE time_us < ?1 "
                                  "AND NOT EXISTS (SELECT 1 FROM unlogged WHERE event = sequence) "
                                  "AND NOT EXISTS (SELECT 1 FROM deliveries AS d "
                                  "WHERE d.event = sequence AND d.state = 'pending')",

        /* In a damaged database there may be one that lost its event, where the next event comes to stand. */
        [STATEMENT_UNLOGGED_PUT] = "INSERT OR IGNORE INTO unlogged (event) VALUES (?1)",
        [STATEMENT_UNLOGGED_NEXT] = "SELECT event FROM unlogged WHERE event > ?1 ORDER BY event LIMIT 1",
        [STATEMENT_UNLOGGED_DELETE] =
                "DELETE FROM unlogged WHERE event = (SELECT sequence FROM events WHERE id = ?1)",

        [STATEMENT_DELIVERY_PUT] =
                "INSERT INTO deliveries (event, job, hook, next_us) VALUES (?1, ?2, ?3, ?4)",
        /*
         * Heads of the queues: of each job and hook, the first that is pending. One never tried is due since
         * its event.
         */
        [STATEMENT_DELIVERY_DUE] = "SELECT d.id, e.id, d.job, d.attempts, d.next_us FROM deliveries AS d "
                                   "JOIN events AS e ON e.sequence = d.event "
                                   "WHERE d.state = 'pending' AND d.hook = ?1 AND d.next_us <= ?2 "
                                   "AND NOT EXISTS (SELECT 1 FROM deliveries AS p WHERE p.state = 'pending' "
                                   "AND p.hook = d.hook AND p.job = d.job AND p.id < d.id) "
                                   "ORDER BY CASE d.next_us WHEN 0 THEN e.time_us ELSE d.next_us END, d.id",
        [STATEMENT_DELIVERY_END] =
                "UPDATE deliveries SET state = ?2, attempts = attempts + 1, ended_us = ?3, "
                "error = ?4 WHERE id = ?1 AND state = 'pending'",
        [STATEMENT_DELIVERY_RETRY] =
                "UPDATE deliveries SET attempts = attempts + 1, next_us = ?2, error = ?3 "
                "WHERE id = ?1 AND state = 'pending'",
        [STATEMENT_DELIVERY_COUNT] = "SELECT count(*) FROM deliveries WHERE state = 'pending' AND hook = ?1",
        [STATEMENT_HOOK_NEXT] = "SELECT min(hook) FROM deliveries WHERE state = 'pending' AND hook > ?1",
        [STATEMENT_HOOK_DROP] = "UPDATE deliveries SET state = 'failed', ended_us = ?2, "
                                "error = 'the hook is no longer configured' "
                                "WHERE state = 'pending' AND hook = ?1",

        [STATEMENT_STATUS_PUT] = "INSERT OR IGNORE INTO sights (hash, size) VALUES (?1, ?2)",
        [STATEMENT_STATUS_TRIM] = "DELETE FROM sights WHERE number <= (SELECT max(number) FROM sights) - ?1",

        [STATEMENT_VALUE_GET] = "SELECT data, sum FROM \"values\" WHERE key = ?1",
        [STATEMENT_VALUE_PUT] = "INSERT OR REPLACE INTO \"values\" (key, data, sum) VALUES (?1, ?2, ?3)",
        [STATEMENT_VALUE_DELETE] = "DELETE FROM \"values\" WHERE key = ?1",
};

/* ---- errors ---- */

static int errno_of_system(int system_errno)
{
        switch (system_errno) {
        case ENOSPC:
        case EDQUOT:
        case EFBIG:
                return -ENOSPC;
        case EROFS:
                return -EROFS;
        case EACCES:
        case EPERM:
                return -EACCES;
        case ENOMEM:
                return -ENOMEM;
        default:
                return -EIO;
        }
}

static int errno_of_sqlite(sqlite3 *database, int code)
{
        if (code == SQLITE_IOERR_NOMEM)
                return -ENOMEM;
        if (code == SQLITE_IOERR_CORRUPTFS)
                return -EUCLEAN;
        if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY)
                return -EEXIST;

        switch (code & 0xff) {
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_FULL:
                return -ENOSPC;
        case SQLITE_READONLY:
                return -EROFS;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
        case SQLITE_CONSTRAINT: /* what we write obeys the schema, so what it meets does not */
        case SQLITE_ERROR:      /* the statements are known to be good: a table is missing */
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

static const char *words_of_errno(int r)
{
        switch (-r) {
        case ENOMEM:
                return "out of memory";
        case ENOSPC:
                return "disk full";
        case EROFS:
                return "file system or database is read-only";
        case EACCES:
                return "no access to a file of the database";
        case EUCLEAN:
                return "the database is damaged";
        case EBUSY:
                return "the database is in use by something else";
        case EEXIST:
                return "it is there already";
        case E2BIG:
                return "too large to be kept";
        default:
                return "the disk reported an error";
        }
}

int state_fail_sqlite(struct state *state, int code)
{
        int r = errno_of_sqlite(state->database, code);

        /* Some failures, of reads too, end the transaction: what joined the batch now would be on its own. */
        if (state->in_batch && state->batch_error == 0 && sqlite3_get_autocommit(state->database))
                state->batch_error = r;

        (void)snprintf(state->error, sizeof(state->error), "%s (SQLite: %s, code %d)", words_of_errno(r),
                       state->database != NULL ? sqlite3_errmsg(state->database) : sqlite3_errstr(code),
                       code);
        return r;
}

int state_fail(struct state *state, int r, const char *words)
{
        (void)snprintf(state->error, sizeof(state->error), "%s", words);
        return r;
}

/* ---- statements ---- */

int state_execute(struct state *state, const char *sql, int64_t *ret_number)
{
        sqlite3_stmt *statement = NULL;
        int64_t number = 0;

        while (*sql != '\0') {
                int code = sqlite3_prepare_v2(state->database, sql, -1, &statement, &sql);
                if (code == SQLITE_OK) {
                        code = sqlite3_step(statement);
                        if (code == SQLITE_ROW) {
                                number = sqlite3_column_int64(statement, 0);
                                while (code == SQLITE_ROW)
                                        code = sqlite3_step(statement);
                        }
                        if (code == SQLITE_DONE)
                                code = SQLITE_OK;
                }

                int r = code != SQLITE_OK ? state_fail_sqlite(state, code) : 0;
                (void)sqlite3_finalize(statement);
                if (r < 0)
                        return r;
        }

        if (ret_number != NULL)
                *ret_number = number;
        return 0;
}

int state_statement(struct state *state, enum statement which, sqlite3_stmt **ret_statement)
{
        if (state->statements[which] == NULL) {
                int code = sqlite3_prepare_v3(state->database, statement_texts[which], -1,
                                              SQLITE_PREPARE_PERSISTENT, &state->statements[which], NULL);
                if (code != SQLITE_OK)
                        return state_fail_sqlite(state, code);
        }

        *ret_statement = state->statements[which];
        return 0;
}

void state_statements_finalize(struct state *state)
{
        for (size_t i = 0; i < STATEMENT_COUNT; i++) {
                (void)sqlite3_finalize(state->statements[i]);
                state->statements[i] = NULL;
        }
}

int state_step(struct state *state, sqlite3_stmt *statement)
{
        int code = sqlite3_step(statement);

        if (code == SQLITE_ROW)
                return 1;
        if (code == SQLITE_DONE)
                return 0;
        return state_fail_sqlite(state, code);
}

/* One of those that begin() has prepared. */
static int run(struct state *state, enum statement which)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = state->statements[which];

        return state_step(state, statement);
}

/* Runs what undoes a failure, whose words are to stay. */
static int undo(struct state *state, enum statement which)
{
        char error[sizeof(state->error)];

        memcpy(error, state->error, sizeof(error));
        int r = run(state, which);
        memcpy(state->error, error, sizeof(error));
        return r;
}

/* ---- transactions ---- */

static int begin(struct state *state)
{
        /* All that could be needed to get out again is there before we go in. */
        for (enum statement which = STATEMENT_BEGIN; which <= STATEMENT_STEP_UNDO; which++) {
                sqlite3_stmt *statement;
                int r = state_statement(state, which, &statement);
                if (r < 0)
                        return r;
        }

        /* A rollback that failed itself is made up for here. */
        if (!sqlite3_get_autocommit(state->database)) {
                int r = run(state, STATEMENT_ROLLBACK);
                if (r < 0)
                        return r;
        }
        return run(state, STATEMENT_BEGIN);
}

static void rollback(struct state *state)
{
        if (!sqlite3_get_autocommit(state->database))
                (void)undo(state, STATEMENT_ROLLBACK);
}

static int commit(struct state *state)
{
        int r = state_marks_write(state);
        if (r >= 0)
                r = run(state, STATEMENT_COMMIT);
        if (r < 0) {
                rollback(state);
                return r;
        }

        state->mark_count = 0;
        return 0;
}

int state_write_begin(struct state *state)
{
        if (!state->in_batch)
                return begin(state);
        if (state->batch_error < 0)
                return state_fail(state, state->batch_error, "an earlier write of the same batch failed");
        return run(state, STATEMENT_STEP_BEGIN);
}

int state_write_end(struct state *state, int r)
{
        if (!state->in_batch) {
                if (r >= 0) {
                        int committed = commit(state);
                        return committed < 0 ? committed : r;
                }
                rollback(state);
                return r;
        }

        if (r < 0 && !sqlite3_get_autocommit(state->database) && undo(state, STATEMENT_STEP_UNDO) >= 0 &&
            undo(state, STATEMENT_STEP_KEEP) >= 0)
                return r;

        if (r >= 0) {
                int kept = run(state, STATEMENT_STEP_KEEP);
                if (kept >= 0)
                        return r;
                r = kept;
        }
        state->batch_error = r;
        return r;
}

int state_batch_begin(struct state *state)
{
        if (state->in_batch)
                return state_fail(state, -EBUSY, "a batch is open already");

        int r = begin(state);
        if (r < 0)
                return r;
        state->in_batch = true;
        state->batch_error = 0;
        return 0;
}

int state_batch_end(struct state *state, bool keep)
{
        if (!state->in_batch)
                return state_fail(state, -EINVAL, "no batch is open");

        state->in_batch = false;
        if (keep && state->batch_error == 0)
                return commit(state);

        rollback(state);
        return keep ? state->batch_error : 0;
}
