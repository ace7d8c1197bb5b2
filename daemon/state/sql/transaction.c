/* SPDX-License-Identifier: MIT */

/*
 * Transactions. A batch is a transaction, and each write in it a savepoint, so that a failed write is undone
 * alone. If the disk is full, or the whole transaction has ended (as on an I/O error), the batch is
 * lost: every later write in it fails with the same error, and so does its end.
 */

#include "state/sql/transaction.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* Undoes a failed write, and keeps the text of store_error(). Fails if the transaction has ended. */
static int undo(struct store *store)
{
        char error[sizeof(store->error)];

        memcpy(error, store->error, sizeof(error));
        int r = store->engine->savepoint(store, SAVEPOINT_UNDO);
        memcpy(store->error, error, sizeof(error));
        return r;
}

/* The end of a transaction: on a full disk, makes room for the next one. */
static int ended(struct store *store, int r)
{
        if (r == -ENOSPC && store->engine->relieve != NULL)
                store->engine->relieve(store);
        return r;
}

int store_write_begin(struct store *store)
{
        if (!store->in_batch)
                return store->engine->begin(store);
        if (store->batch_error < 0)
                return store_fail(store, store->batch_error, "an earlier write of the same batch failed");
        return store->engine->savepoint(store, SAVEPOINT_SET);
}

int store_write_end(struct store *store, int r)
{
        if (!store->in_batch) {
                if (r >= 0) {
                        int committed = store->engine->commit(store);
                        return committed < 0 ? ended(store, committed) : r;
                }
                store->engine->rollback(store);
                return ended(store, r);
        }

        if (r < 0 && r != -ENOSPC && undo(store) >= 0)
                return r;

        if (r >= 0) {
                int kept = store->engine->savepoint(store, SAVEPOINT_KEEP);
                if (kept >= 0)
                        return r;
                r = kept;
        }
        store->batch_error = r;
        return r;
}

int store_batch_begin(struct store *store)
{
        if (store->in_batch)
                return store_fail(store, -EBUSY, "a batch is already open");

        int r = store->engine->begin(store);
        if (r < 0)
                return r;
        store->in_batch = true;
        store->batch_error = 0;
        return 0;
}

bool store_batch_is_full(const struct store *store)
{
        assert(store->in_batch);
        return store->batch_error < 0 || store->engine->is_full(store);
}

int store_batch_end(struct store *store, bool keep)
{
        if (!store->in_batch)
                return store_fail(store, -EINVAL, "no batch is open");

        store->in_batch = false;
        if (keep && store->batch_error == 0)
                return ended(store, store->engine->commit(store));

        store->engine->rollback(store);
        return keep ? ended(store, store->batch_error) : 0;
}
