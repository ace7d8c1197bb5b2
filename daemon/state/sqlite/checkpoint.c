/* SPDX-License-Identifier: MIT */

/*
 * What the store does while nothing is to be written: checkpoints, and giving free pages back to the disk. A
 * checkpoint copies the WAL into the database file; the next transaction then starts the WAL anew, which is
 * cheaper than letting it grow. If writing does not pause, the size of the WAL is limited.
 *
 * A checkpoint that fails is repeated after the next transaction. The transactions are safe in the WAL.
 */

#include "state/sqlite/checkpoint.h"

#include <assert.h>

#define WAL_PAGES_IDLE 256  /* 1 MiB */
#define WAL_PAGES_MAX  4096 /* 16 MiB */

/*
 * Free pages are worth giving back if they are many, and a third of the file. In a file of release 0.1.0 that
 * was not vacuumed (schema.c) they stay.
 */
#define SPARSE                                                                                               \
        "SELECT 1 FROM pragma_page_count, pragma_freelist_count, pragma_auto_vacuum "                        \
        "WHERE auto_vacuum <> 0 AND freelist_count > 128 AND freelist_count * 3 > page_count"
#define SHRINK "PRAGMA incremental_vacuum(256)"

static int on_commit(void *userdata, sqlite3 *database, const char *name, int pages)
{
        (void)database;
        (void)name;
        struct store *store = userdata;

        sqlite_of(store)->wal_pages = pages;
        return SQLITE_OK;
}

void store_wal_watch(struct store *store)
{
        (void)sqlite3_wal_hook(sqlite_of(store)->database, on_commit, store);
}

static int checkpoint(struct store *store)
{
        int code = sqlite3_wal_checkpoint_v2(sqlite_of(store)->database, "main", SQLITE_CHECKPOINT_PASSIVE,
                                             NULL, NULL);

        sqlite_of(store)->wal_pages = 0;
        return code == SQLITE_OK ? 0 : store_fail_sqlite(store, code);
}

void store_wal_limit(struct store *store)
{
        if (sqlite_of(store)->wal_pages > WAL_PAGES_MAX)
                (void)checkpoint(store);
}

bool sqlite_tidy(struct store *store)
{
        int64_t sparse = 0;

        assert(!store->in_batch);
        if (sqlite_of(store)->wal_pages >= WAL_PAGES_IDLE)
                return checkpoint(store) >= 0;
        return sqlite_execute(store, SPARSE, &sparse) >= 0 && sparse != 0 &&
               sqlite_execute(store, SHRINK, NULL) >= 0;
}
