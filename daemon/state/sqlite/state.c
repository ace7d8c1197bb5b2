/* SPDX-License-Identifier: MIT */

/*
 * The state that survives: opening and closing it.
 *
 * The order of opening is what keeps foreign and damaged files safe: the directory, its lock, the file by its
 * first bytes, and only then SQLite, which checks it before anything is written. The parts:
 *  - state_file.c       the directory, the lock, whose file it is
 *  - state_schema.c     settings, integrity and migrations
 *  - state_statement.c  the statements, errors, transactions
 *  - state_row.c        how values become rows, and how damage to one is noticed
 *  - state_jobs.c, state_events.c, state_deliveries.c, state_values.c  what is kept
 */

#include "state/state.h"

#include <errno.h>
#include <stdio.h>

#include "state/sqlite/database.h"

DEFINE_CLEANUP(struct state, state_close)

static int state_open_in(const char *directory, char **ret_message, struct state **ret_store)
{
        CLEANUP(cleanup_free) char *resolved = NULL;
        CLEANUP(cleanup_free) char *path = NULL;
        bool fresh = false;

        CLEANUP(cleanup_state_close) struct state *state = calloc(1, sizeof(*state));
        if (state == NULL)
                return -ENOMEM;
        state->lock = -1;

        int r = state_directory_open(directory, ret_message, &resolved);
        if (r < 0)
                return r;
        r = state_directory_lock(resolved, ret_message, &state->lock);
        if (r < 0)
                return r;

        if (asprintf(&path, "%s/" STATE_FILE_NAME, resolved) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = state_file_prepare(resolved, path, ret_message, &fresh);
        if (r < 0)
                return r;
        r = state_schema_open(state, path, fresh, ret_message);
        if (r < 0)
                return r;

        state->error[0] = '\0';
        *ret_store = STEAL_POINTER(state);
        return 0;
}

int state_open(const char *directory, char **ret_message, struct state **ret_store)
{
        char *message = NULL;

        int r = state_open_in(directory, &message, ret_store);
        if (r < 0)
                *ret_message = message;
        return r;
}

struct state *state_close(struct state *state)
{
        if (state == NULL)
                return NULL;

        if (state->in_batch)
                (void)state_batch_end(state, false);
        /* A mark that cannot be written costs a repeated entry, so there is nobody to tell. */
        if (state->mark_count > 0 && state_write_begin(state) >= 0)
                (void)state_write_end(state, 0);

        state_statements_finalize(state);
        (void)sqlite3_close(state->database);
        if (state->lock >= 0)
                (void)close(state->lock);
        free(state);
        return NULL;
}

const char *state_error(const struct state *state)
{
        return state->error[0] != '\0' ? state->error : "no error";
}
