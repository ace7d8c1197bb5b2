/* SPDX-License-Identifier: MIT */

/*
 * The state in one SQLite database, `jobwatchd.db` (mode 0600) in the state directory (created with mode
 * 0700): opening and closing it. There is one connection with synchronous=FULL, and one process at a time,
 * which holds a lock on `jobwatchd.lock`.
 *
 * The order of opening protects foreign and damaged files: the directory, its lock, the file by its header,
 * and only then SQLite, which checks the file before anything is written. The files, from top to bottom:
 *  - store.c                                     opening and closing
 *  - jobs.c, events.c, deliveries.c, values.c,
 *    prune.c                                     the interface of store.h
 *  - texts.c, row.c, transaction.c               results, columns of a row, transactions
 *  - room.c, reserve.c                           the limit of the size, and what happens on a full disk
 *  - checkpoint.c                                checkpoints, and free pages
 *  - schema.c                                    settings, integrity checks and migrations
 *  - database.c                                  the connection: statements and errors
 *  - file.c                                      the directory, the lock and the header of the file
 */

#include "state/store.h"

#include <stdio.h>

#include "state/sqlite/allocator.h"
#include "state/sqlite/file.h"
#include "state/sqlite/reserve.h"
#include "state/sqlite/schema.h"
#include "state/sqlite/transaction.h"
#include "util/memory.h"
#include "util/message.h"

DEFINE_CLEANUP(struct store, store_close)

static int store_open_in(const char *directory, char **ret_message, struct store **ret_state)
{
        CLEANUP(cleanup_free) char *path = NULL;

        sqlite_allocator_set_up();
        CLEANUP(cleanup_store_close) struct store *store = memory_need(calloc(1, sizeof(*store)));
        store->lock = -1;

        int r = state_directory_open(directory, ret_message, &store->directory);
        if (r < 0)
                return r;
        r = state_directory_lock(store->directory, ret_message, &store->lock);
        if (r < 0)
                return r;

        path = format_message("%s/" STATE_FILE_NAME, store->directory);
        r = state_file_prepare(store->directory, path, ret_message);
        if (r < 0)
                return r;
        r = store_schema_open(store, path, ret_message);
        if (r < 0)
                return r;

        store_reserve_create(store);
        store->error[0] = '\0';
        *ret_state = STEAL_POINTER(store);
        return 0;
}

int store_open(const char *directory, char **ret_message, struct store **ret_state)
{
        char *message = NULL;

        int r = store_open_in(directory, &message, ret_state);
        if (r < 0)
                *ret_message = message;
        return r;
}

struct store *store_close(struct store *store)
{
        if (store == NULL)
                return NULL;

        if (store->in_batch)
                (void)store_batch_end(store, false);

        store_statements_finalize(store);
        (void)sqlite3_close(store->database);
        if (store->lock >= 0)
                (void)close(store->lock);
        free(store->directory);
        free(store);
        return NULL;
}

const char *store_error(const struct store *store)
{
        return store->error[0] != '\0' ? store->error : "no error";
}
