/* SPDX-License-Identifier: MIT */

/*
 * The state in one SQLite database, `jobwatchd.db` (mode 0600) in the state directory (created with mode
 * 0700): opening and closing it. There is one connection with synchronous=FULL, and one process at a time,
 * which holds a lock on `jobwatchd.lock`.
 *
 * The order of opening protects foreign and damaged files: the directory, its lock, the file by its header,
 * and only then SQLite, which checks the file before anything is written. The files, from top to bottom:
 *  - sqlite.c                     opening and closing
 *  - query.c, transaction.c       statements, transactions, and what happens on a full disk
 *  - reserve.c                    space for that
 *  - checkpoint.c                 checkpoints, and free pages
 *  - schema.c                     settings, integrity checks and migrations
 *  - database.c                   the connection: SQL and errors
 *  - file.c                       the directory, the lock and the header of the file
 */

#include "state/sqlite/sqlite.h"

#include "state/sqlite/allocator.h"
#include "state/sqlite/checkpoint.h"
#include "state/sqlite/file.h"
#include "state/sqlite/query.h"
#include "state/sqlite/reserve.h"
#include "state/sqlite/schema.h"
#include "state/sqlite/transaction.h"
#include "util/memory.h"
#include "util/message.h"

static struct store *sqlite_close(struct store *store)
{
        struct sqlite *sqlite = sqlite_of(store);

        sqlite_rollback(store);
        store_statements_finalize(store);
        (void)sqlite3_close(sqlite->database);
        if (sqlite->lock >= 0)
                (void)close(sqlite->lock);
        free(sqlite->directory);
        free(sqlite);
        return NULL;
}

static int sqlite_used_bytes(struct store *store, uint64_t *ret_bytes)
{
        int64_t used = 0;

        int r = store_run(store, STATEMENT_USAGE, &used);
        if (r >= 0)
                *ret_bytes = (uint64_t)used;
        return r;
}

static const struct engine sqlite_engine = {
        .close = sqlite_close,
        .begin = sqlite_begin,
        .commit = sqlite_commit,
        .rollback = sqlite_rollback,
        .is_in_transaction = sqlite_is_in_transaction,
        .savepoint = sqlite_savepoint,
        .is_full = sqlite_is_full,
        .relieve = sqlite_relieve_disk,
        .execute = sqlite_execute,
        .prepare = sqlite_prepare,
        .bind = sqlite_bind,
        .step = sqlite_step,
        .read_column = sqlite_read_column,
        .release = sqlite_release,
        .read_text = sqlite_read_text,
        .used_bytes = sqlite_used_bytes,
        .disk_is_low = sqlite_disk_is_low,
        .tidy = sqlite_tidy,
};

DEFINE_CLEANUP(struct store, store_close)

int sqlite_open(const char *directory, char **ret_message, struct store **ret_store)
{
        CLEANUP(cleanup_free) char *path = NULL;

        sqlite_allocator_set_up();
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
