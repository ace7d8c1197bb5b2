/* SPDX-License-Identifier: MIT */

/*
 * Transactions. A batch is a transaction, and each write in it a savepoint, so that a failed write is undone
 * alone. On some errors (full disk, I/O error) SQLite rolls the whole transaction back; the batch is then
 * lost: every later write in it fails with the same error, and so does its end.
 */

#include "state/sqlite/transaction.h"

#include <errno.h>
#include <string.h>

#include "state/sqlite/marks.h"
#include "state/sqlite/reserve.h"
#include "state/sqlite/room.h"

/* Runs a statement that begin() has prepared. */
static int run(struct state *state, enum statement which)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = state->statements[which];

        return state_step(state, statement);
}

/* Runs a statement that undoes a failed write, and keeps the text of state_error(). */
static int undo(struct state *state, enum statement which)
{
        char error[sizeof(state->error)];

        memcpy(error, state->error, sizeof(error));
        int r = run(state, which);
        memcpy(state->error, error, sizeof(error));
        return r;
}

static int begin(struct state *state)
{
        /* Prepared before the transaction begins, so that a rollback needs no memory. */
        for (enum statement which = STATEMENT_BEGIN; which <= STATEMENT_STEP_UNDO; which++) {
                sqlite3_stmt *statement;
                int r = state_statement(state, which, &statement);
                if (r < 0)
                        return r;
        }

        /* An earlier rollback may have failed. */
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
        int r = marks_write(state);
        if (r >= 0)
                r = run(state, STATEMENT_COMMIT);
        if (r < 0) {
                rollback(state);
                return r;
        }

        marks_clear(state);
        state_reserve_create(state);
        return 0;
}

/* The end of a transaction: on a full disk, makes room for the next one. */
static int ended(struct state *state, int r)
{
        if (r == -ENOSPC)
                state_relieve_disk(state);
        return r;
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
                        return committed < 0 ? ended(state, committed) : r;
                }
                rollback(state);
                return ended(state, r);
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
                return state_fail(state, -EBUSY, "a batch is already open");

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
                return ended(state, commit(state));

        rollback(state);
        return keep ? ended(state, state->batch_error) : 0;
}
