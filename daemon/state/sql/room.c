/* SPDX-License-Identifier: MIT */

/*
 * How the state is bounded in size.
 *
 * Before an event or a result is recorded, store_make_room() looks at the size of the database. ResultData
 * that only pending deliveries need may take half of max_size; beyond that the oldest of events `changed`
 * lose theirs. Beyond max_size a tenth of the history is deleted at a time.
 */

#include "state/sql/room.h"

#include <errno.h>

void store_set_max_size(struct store *store, uint64_t max_size)
{
        store->max_size = max_size;
}

int store_used_bytes(struct store *store, uint64_t *ret_bytes)
{
        return store->engine->used_bytes(store, ret_bytes);
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
                if (r < 0 || store->changes == 0)
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
                if (store->changes == 0)
                        return store_fail(store, -EDQUOT,
                                          "max_size is reached, and there is no history to delete");
        }
        return 0;
}
