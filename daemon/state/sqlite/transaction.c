/* SPDX-License-Identifier: MIT */

/*
 * Transactions of SQLite. On a full disk a tenth of the history is deleted, in the space of the reserve, and
 * the file shrinks.
 */

#include "state/sqlite/transaction.h"

#include <string.h>

#include "state/sqlite/checkpoint.h"
#include "state/sqlite/reserve.h"

/* The size of a batch that should end: 4 MiB. */
#define BATCH_PAGES_MAX 1024

/* The pages that did not fit into the cache, since the last reset. */
static int written_pages(const struct store *store, bool reset)
{
        int pages = 0, unused;

        (void)sqlite3_db_status(sqlite_of(store)->database, SQLITE_DBSTATUS_CACHE_WRITE, &pages, &unused,
                                reset);
        return pages;
}

int sqlite_begin(struct store *store)
{
        store_wal_limit(store);
        /* An earlier rollback may have failed. */
        int r = sqlite_is_in_transaction(store) ? sqlite_execute(store, "ROLLBACK", NULL) : 0;
        if (r >= 0)
                r = sqlite_execute(store, "BEGIN IMMEDIATE", NULL);
        if (r >= 0)
                (void)written_pages(store, true);
        return r;
}

void sqlite_rollback(struct store *store)
{
        char error[sizeof(store->error)];

        if (!sqlite_is_in_transaction(store))
                return;
        memcpy(error, store->error, sizeof(error));
        (void)sqlite_execute(store, "ROLLBACK", NULL);
        memcpy(store->error, error, sizeof(error));
}

int sqlite_commit(struct store *store)
{
        int r = sqlite_execute(store, "COMMIT", NULL);

        if (r < 0)
                sqlite_rollback(store);
        else
                store_reserve_create(store);
        return r;
}

int sqlite_savepoint(struct store *store, enum savepoint savepoint)
{
        static const char *const sql[] = {
                [SAVEPOINT_SET] = "SAVEPOINT step",
                [SAVEPOINT_KEEP] = "RELEASE step",
                [SAVEPOINT_UNDO] = "ROLLBACK TO step; RELEASE step",
        };

        return sqlite_execute(store, sql[savepoint], NULL);
}

bool sqlite_is_full(const struct store *store)
{
        return written_pages(store, false) > BATCH_PAGES_MAX;
}

void sqlite_relieve_disk(struct store *store)
{
        char error[sizeof(store->error)];
        /* The reserve alone may do if something else has made room. */
        bool prune_history = !sqlite_of(store)->has_reserve || !store_disk_has_room(store, RESERVE_SIZE);

        memcpy(error, store->error, sizeof(error));
        store_reserve_release(store);
        (void)sqlite_execute(store, "PRAGMA wal_checkpoint(TRUNCATE)", NULL);
        if (prune_history && sqlite_execute(store, "BEGIN IMMEDIATE", NULL) >= 0) {
                int r = store_run(store, STATEMENT_EVENT_PRUNE_TENTH, NULL);
                if (sqlite_is_in_transaction(store))
                        (void)sqlite_execute(store, r >= 0 ? "COMMIT" : "ROLLBACK", NULL);
                (void)sqlite_execute(store, "PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)",
                                     NULL);
        }
        memcpy(store->error, error, sizeof(error));
}
