/* SPDX-License-Identifier: MIT */

/*
 * How the state is bounded in size.
 *
 * Before an event or a result is recorded, state_make_room() looks at the pages in use. ResultData that only
 * pending deliveries need may take half of max_size; beyond that the oldest of events `changed` lose theirs.
 * Beyond max_size a tenth of the history is deleted at a time.
 *
 * On a full disk, state_relieve_disk() deletes a tenth of the history, in the space of the reserve, and
 * shrinks the file.
 */

#include "state/sqlite/room.h"

#include <errno.h>
#include <string.h>

#include "state/sqlite/reserve.h"

void state_set_max_size(struct state *state, uint64_t max_size)
{
        state->max_size = max_size;
}

/* Cuts texts of pending events `changed` until the pending ones take at most `max` bytes. */
static int limit_pending(struct state *state, uint64_t max)
{
        for (;;) {
                int64_t pending = 0;

                int r = state_run(state, STATEMENT_TEXT_PENDING, &pending);
                if (r < 0 || (uint64_t)pending <= max)
                        return r;
                r = state_run(state, STATEMENT_TEXT_CUT, NULL);
                if (r < 0 || sqlite3_changes(state->database) == 0)
                        return r;
        }
}

int state_make_room(struct state *state, size_t size)
{
        uint64_t max = state->max_size;

        for (bool limited = false; max > 0; limited = true) {
                int64_t used = 0;

                int r = state_run(state, STATEMENT_USAGE, &used);
                if (r < 0)
                        return r;
                if (!limited && (uint64_t)used + size > max / 2) {
                        r = limit_pending(state, max / 2);
                        if (r < 0)
                                return r;
                        continue;
                }
                if ((uint64_t)used + size <= max)
                        return 0;
                r = state_run(state, STATEMENT_EVENT_PRUNE_TENTH, NULL);
                if (r < 0)
                        return r;
                if (sqlite3_changes(state->database) == 0)
                        return state_fail(state, -EDQUOT,
                                          "max_size is reached, and there is no history to delete");
        }
        return 0;
}

/* ---- on a full disk ---- */

void state_relieve_disk(struct state *state)
{
        char error[sizeof(state->error)];
        /* The reserve alone may do if something else has made room. */
        bool prune_history = !state->has_reserve || !state_disk_has_room(state, RESERVE_SIZE);

        memcpy(error, state->error, sizeof(error));
        state_reserve_release(state);
        (void)state_execute(state, "PRAGMA wal_checkpoint(TRUNCATE)", NULL);
        if (prune_history && state_execute(state, "BEGIN IMMEDIATE", NULL) >= 0) {
                int r = state_run(state, STATEMENT_EVENT_PRUNE_TENTH, NULL);
                if (!sqlite3_get_autocommit(state->database))
                        (void)state_execute(state, r >= 0 ? "COMMIT" : "ROLLBACK", NULL);
                (void)state_execute(state, "PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)",
                                    NULL);
        }
        memcpy(state->error, error, sizeof(error));
}
