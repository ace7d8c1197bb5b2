/* SPDX-License-Identifier: MIT */

/*
 * The state in one SQLite database, `jobwatchd.db` (mode 0600) in the state directory (created with mode
 * 0700): opening and closing it. There is one connection with synchronous=FULL, and one process at a time,
 * which holds a lock on `jobwatchd.lock`.
 *
 * The order of opening protects foreign and damaged files: the directory, its lock, the file by its header,
 * and only then SQLite, which checks the file before anything is written. The files, from top to bottom:
 *  - sqlite.c                     opening and closing, transactions, and what happens on a full disk
 *  - query.c                      statements and their rows
 *  - reserve.c                    space on a full disk
 *  - checkpoint.c                 checkpoints, and free pages
 *  - schema.c                     settings, integrity checks and migrations
 *  - database.c                   the connection: SQL and errors
 *  - file.c                       the directory, the lock and the header of the file
 */

#include <pthread.h>
#include <string.h>

#include "state/sqlite/checkpoint.h"
#include "state/sqlite/file.h"
#include "state/sqlite/query.h"
#include "state/sqlite/reserve.h"
#include "state/sqlite/schema.h"
#include "util/memory.h"
#include "util/message.h"

/* ---- memory ---- */

/*
 * SQLite ends the process when memory runs out, as the rest of the program does. So a SQLITE_NOMEM that is
 * still returned is not about memory: SQLite refuses a size that it read from a damaged database.
 */
static sqlite3_mem_methods original;

static void *allocate(int size)
{
        return memory_need(original.xMalloc(size));
}

static void *reallocate(void *block, int size)
{
        return memory_need(original.xRealloc(block, size));
}

static void set_up_allocator(void)
{
        /* SQLITE_MISUSE: SQLite is in use. */
        if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &original) != SQLITE_OK)
                return;

        sqlite3_mem_methods methods = original;
        methods.xMalloc = allocate;
        methods.xRealloc = reallocate;
        (void)sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
}

/* ---- transactions ---- */

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

static int begin(struct store *store)
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

static void rollback(struct store *store)
{
        char error[sizeof(store->error)];

        if (!sqlite_is_in_transaction(store))
                return;
        memcpy(error, store->error, sizeof(error));
        (void)sqlite_execute(store, "ROLLBACK", NULL);
        memcpy(store->error, error, sizeof(error));
}

static int commit(struct store *store)
{
        int r = sqlite_execute(store, "COMMIT", NULL);

        if (r < 0)
                rollback(store);
        else
                store_reserve_create(store);
        return r;
}

static int savepoint(struct store *store, enum savepoint what)
{
        static const char *const sql[] = {
                [SAVEPOINT_SET] = "SAVEPOINT step",
                [SAVEPOINT_KEEP] = "RELEASE step",
                [SAVEPOINT_UNDO] = "ROLLBACK TO step; RELEASE step",
        };

        return sqlite_execute(store, sql[what], NULL);
}

static bool is_full(const struct store *store)
{
        return written_pages(store, false) > BATCH_PAGES_MAX;
}

/* On a full disk a tenth of the history is deleted, in the space of the reserve, and the file shrinks. */
static void relieve_disk(struct store *store)
{
        char error[sizeof(store->error)];
        /* The reserve alone may do if something else has made room. */
        bool prune_history = !sqlite_of(store)->has_reserve || !store_disk_has_room(store, RESERVE_SIZE);

        memcpy(error, store->error, sizeof(error));
        store_reserve_release(store);
        (void)sqlite_execute(store, "PRAGMA wal_checkpoint(TRUNCATE)", NULL);
        if (prune_history) {
                (void)store_run(store, STATEMENT_EVENT_PRUNE_TENTH, NULL);
                (void)sqlite_execute(store, "PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)",
                                     NULL);
        }
        memcpy(store->error, error, sizeof(error));
}

/* ---- opening and closing ---- */

static struct store *close_store(struct store *store)
{
        struct sqlite *sqlite = sqlite_of(store);

        store_statements_finalize(store);
        (void)sqlite3_close(sqlite->database); /* an open transaction is rolled back */
        if (sqlite->lock >= 0)
                (void)close(sqlite->lock);
        free(sqlite->directory);
        free(sqlite);
        return NULL;
}

static int used_bytes(struct store *store, uint64_t *ret_bytes)
{
        int64_t used = 0;

        int r = store_run(store, STATEMENT_USAGE, &used);
        if (r >= 0)
                *ret_bytes = (uint64_t)used;
        return r;
}

static const struct engine sqlite_engine = {
        .close = close_store,
        .begin = begin,
        .commit = commit,
        .rollback = rollback,
        .savepoint = savepoint,
        .is_full = is_full,
        .relieve = relieve_disk,
        .execute = sqlite_execute,
        .prepare = sqlite_prepare,
        .bind = sqlite_bind,
        .step = sqlite_step,
        .read_column = sqlite_read_column,
        .release = sqlite_release,
        .read_text = sqlite_read_text,
        .used_bytes = used_bytes,
        .disk_is_low = sqlite_disk_is_low,
        .tidy = sqlite_tidy,
};

DEFINE_CLEANUP(struct store, store_close)

int store_open(const char *directory, char **ret_message, struct store **ret_store)
{
        static pthread_once_t allocator_is_set_up = PTHREAD_ONCE_INIT;
        CLEANUP(cleanup_free) char *path = NULL;

        (void)pthread_once(&allocator_is_set_up, set_up_allocator);
        struct sqlite *sqlite = memory_need(calloc(1, sizeof(*sqlite)));
        CLEANUP(cleanup_store_close) struct store *store = &sqlite->store;
        store->engine = &sqlite_engine;
        sqlite->lock = -1;

        int r = state_directory_open(directory, ret_message, &sqlite->directory);
        if (r < 0)
                return r;
        r = state_directory_lock(sqlite->directory, ret_message, &sqlite->lock);
        if (r < 0)
                return r;

        path = format_message("%s/" STATE_FILE_NAME, sqlite->directory);
        r = state_file_prepare(sqlite->directory, path, ret_message);
        if (r < 0)
                return r;
        r = store_schema_open(store, path, ret_message);
        if (r < 0)
                return r;

        store_reserve_create(store);
        store->error[0] = '\0';
        *ret_store = STEAL_POINTER(store);
        return 0;
}
