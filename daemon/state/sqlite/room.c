/* SPDX-License-Identifier: MIT */

/*
 * How the state is bounded in size.
 *
 * Before an event or a result is recorded, store_make_room() looks at the pages in use. ResultData that only
 * pending deliveries need may take half of max_size; beyond that the oldest of events `changed` lose theirs.
 * Beyond max_size a tenth of the history is deleted at a time.
 *
 * On a full disk, store_relieve_disk() deletes a tenth of the history, in the space of the reserve, and
 * shrinks the file.
 */

#include "state/sqlite/room.h"

#include <errno.h>
#include <string.h>

#include "state/sqlite/reserve.h"

void store_set_max_size(struct store *store, uint64_t max_size)
{
        store->max_size = max_size;
}

int store_used_bytes(struct store *store, uint64_t *ret_bytes)
{
        int64_t used = 0;

        int r = store_run(store, STATEMENT_USAGE, &used);
        if (r >= 0)
                *ret_bytes = (uint64_t)used;
        return r;
}

/* Cuts texts of pending events `changed` until the pending ones take at most `max` bytes. */
static int limit_pending(struct store *store, uint64_t max)
{
        for (;;) {
                int64_t pending = 0;

                int r = store_run(store, STATEMENT_TEXT_PENDING, &pending);
                if (r < 0 || (uint64_t)pending <= max)
                        return r;
                r = store_run(store, STATEMENT_TEXT_CUT, NULL);
                if (r < 0 || sqlite3_changes(store->database) == 0)
                        return r;
        }
}

int store_make_room(struct store *store, size_t size)
{
        uint64_t max = store->max_size;

        for (bool limited = false; max > 0; limited = true) {
                uint64_t used = 0;

                int r = store_used_bytes(store, &used);
                if (r < 0)
                        return r;
                if (!limited && used + size > max / 2) {
                        r = limit_pending(store, max / 2);
                        if (r < 0)
                                return r;
                        continue;
                }
                if (used + size <= max)
                        return 0;
                r = store_run(store, STATEMENT_EVENT_PRUNE_TENTH, NULL);
                if (r < 0)
                        return r;
                if (sqlite3_changes(store->database) == 0)
                        return store_fail(store, -EDQUOT,
                                          "max_size is reached, and there is no history to delete");
        }
        return 0;
}

/* ---- on a full disk ---- */

void store_relieve_disk(struct store *store)
{
        char error[sizeof(store->error)];
        /* The reserve alone may do if something else has made room. */
        bool prune_history = !store->has_reserve || !store_disk_has_room(store, RESERVE_SIZE);

        memcpy(error, store->error, sizeof(error));
        store_reserve_release(store);
        (void)store_execute(store, "PRAGMA wal_checkpoint(TRUNCATE)", NULL);
        if (prune_history && store_execute(store, "BEGIN IMMEDIATE", NULL) >= 0) {
                int r = store_run(store, STATEMENT_EVENT_PRUNE_TENTH, NULL);
                if (!sqlite3_get_autocommit(store->database))
                        (void)store_execute(store, r >= 0 ? "COMMIT" : "ROLLBACK", NULL);
                (void)store_execute(store, "PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)",
                                    NULL);
        }
        memcpy(store->error, error, sizeof(error));
}
