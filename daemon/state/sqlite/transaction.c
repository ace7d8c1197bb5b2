/* SPDX-License-Identifier: MIT */

/*
 * Transactions. A batch is a transaction, and each write in it a savepoint, so that a failed write is undone
 * alone. If the disk is full, or SQLite rolls the whole transaction back (as on an I/O error), the batch is
 * lost: every later write in it fails with the same error, and so does its end.
 */

#include "state/sqlite/transaction.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "state/sqlite/checkpoint.h"
#include "state/sqlite/reserve.h"
#include "state/sqlite/room.h"

/* The size of a batch that should end: 4 MiB. */
#define BATCH_PAGES_MAX 1024

/* Undoes a failed write, and keeps the text of store_error(). */
static int undo(struct store *store, const char *sql)
{
        char error[sizeof(store->error)];

        memcpy(error, store->error, sizeof(error));
        int r = store_execute(store, sql, NULL);
        memcpy(store->error, error, sizeof(error));
        return r;
}

static void rollback(struct store *store)
{
        if (!sqlite3_get_autocommit(store->database))
                (void)undo(store, "ROLLBACK");
}

static int begin(struct store *store)
{
        store_wal_limit(store);
        /* An earlier rollback may have failed. */
        int r = sqlite3_get_autocommit(store->database) ? 0 : store_execute(store, "ROLLBACK", NULL);
        return r < 0 ? r : store_execute(store, "BEGIN IMMEDIATE", NULL);
}

static int commit(struct store *store)
{
        int r = store_execute(store, "COMMIT", NULL);

        if (r < 0)
                rollback(store);
        else
                store_reserve_create(store);
        return r;
}

/* The end of a transaction: on a full disk, makes room for the next one. */
static int ended(struct store *store, int r)
{
        if (r == -ENOSPC)
                store_relieve_disk(store);
        return r;
}

int store_write_begin(struct store *store)
{
        if (!store->in_batch)
                return begin(store);
        if (store->batch_error < 0)
                return store_fail(store, store->batch_error, "an earlier write of the same batch failed");
        return store_execute(store, "SAVEPOINT step", NULL);
}

int store_write_end(struct store *store, int r)
{
        if (!store->in_batch) {
                if (r >= 0) {
                        int committed = commit(store);
                        return committed < 0 ? ended(store, committed) : r;
                }
                rollback(store);
                return ended(store, r);
        }

        if (r < 0 && r != -ENOSPC && !sqlite3_get_autocommit(store->database) &&
            undo(store, "ROLLBACK TO step; RELEASE step") >= 0)
                return r;

        if (r >= 0) {
                int kept = store_execute(store, "RELEASE step", NULL);
                if (kept >= 0)
                        return r;
                r = kept;
        }
        store->batch_error = r;
        return r;
}

/* The pages that did not fit into the cache, since the last reset. */
static int written_pages(const struct store *store, bool reset)
{
        int pages = 0, unused;

        (void)sqlite3_db_status(store->database, SQLITE_DBSTATUS_CACHE_WRITE, &pages, &unused, reset);
        return pages;
}

int store_batch_begin(struct store *store)
{
        if (store->in_batch)
                return store_fail(store, -EBUSY, "a batch is already open");

        int r = begin(store);
        if (r < 0)
                return r;
        store->in_batch = true;
        store->batch_error = 0;
        (void)written_pages(store, true);
        return 0;
}

bool store_batch_is_full(const struct store *store)
{
        assert(store->in_batch);
        return store->batch_error < 0 || written_pages(store, false) > BATCH_PAGES_MAX;
}

int store_batch_end(struct store *store, bool keep)
{
        if (!store->in_batch)
                return store_fail(store, -EINVAL, "no batch is open");

        store->in_batch = false;
        if (keep && store->batch_error == 0)
                return ended(store, commit(store));

        rollback(store);
        return keep ? ended(store, store->batch_error) : 0;
}
