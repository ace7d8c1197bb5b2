/* SPDX-License-Identifier: MIT */

/*
 * The state in one SQLite database, `jobwatchd.db` (mode 0600) in the state directory (created with mode
 * 0700): opening and closing it. There is one connection with synchronous=FULL, and one process at a time,
 * which holds a lock on `jobwatchd.lock`.
 *
 * The order of opening protects foreign and damaged files: the directory, its lock, the file by its header,
 * and only then SQLite, which checks the file before anything is written. The files, from top to bottom:
 *  - state.c                                     opening and closing
 *  - jobs.c, events.c, deliveries.c, values.c,
 *    prune.c                                     the interface of state.h
 *  - texts.c, row.c, transaction.c, marks.c      results, rows with checksums, transactions, marks of logged
 *                                                events
 *  - room.c, reserve.c                           the limit of the size, and what happens on a full disk
 *  - schema.c                                    settings, integrity checks and migrations
 *  - database.c                                  the connection: statements and errors
 *  - file.c                                      the directory, the lock and the header of the file
 */

#include "state/state.h"

#include <errno.h>
#include <stdio.h>

#include "state/sqlite/file.h"
#include "state/sqlite/reserve.h"
#include "state/sqlite/schema.h"
#include "state/sqlite/transaction.h"
#include "util/message.h"

DEFINE_CLEANUP(struct state, state_close)

static int state_open_in(const char *directory, char **ret_message, struct state **ret_state)
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

        path = format_message("%s/" STATE_FILE_NAME, resolved);
        if (path == NULL)
                return -ENOMEM;
        r = state_file_prepare(resolved, path, ret_message, &fresh);
        if (r < 0)
                return r;
        r = state_schema_open(state, path, fresh, ret_message);
        if (r < 0)
                return r;

        state_reserve_create(state);
        state->error[0] = '\0';
        *ret_state = STEAL_POINTER(state);
        return 0;
}

int state_open(const char *directory, char **ret_message, struct state **ret_state)
{
        char *message = NULL;

        int r = state_open_in(directory, &message, ret_state);
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
        /* A lost mark costs a repeated log entry only, so an error is ignored. */
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
