/* SPDX-License-Identifier: MIT */

/*
 * The state that survives: opening and closing it.
 *
 * The order of opening is what keeps foreign and damaged files safe: the directory, its lock, the file by its
 * first bytes, and only then SQLite, which checks it before anything is written. The parts:
 *  - store_file.c       the directory, the lock, whose file it is
 *  - store_schema.c     settings, integrity and migrations
 *  - store_statement.c  the statements, errors, transactions
 *  - store_row.c        how values become rows, and how damage to one is noticed
 *  - store_jobs.c, store_events.c, store_deliveries.c, store_values.c  what is kept
 */

#include "store/store.h"

#include <errno.h>
#include <stdio.h>

#include "store/store_internal.h"

DEFINE_CLEANUP(struct store, store_close)

static int store_open_in(const char *directory, char **ret_message, struct store **ret_store)
{
        CLEANUP(cleanup_free) char *resolved = NULL;
        CLEANUP(cleanup_free) char *path = NULL;
        bool fresh = false;

        CLEANUP(cleanup_store_close) struct store *store = calloc(1, sizeof(*store));
        if (store == NULL)
                return -ENOMEM;
        store->lock = -1;

        int r = store_directory_open(directory, ret_message, &resolved);
        if (r < 0)
                return r;
        r = store_directory_lock(resolved, ret_message, &store->lock);
        if (r < 0)
                return r;

        if (asprintf(&path, "%s/" STORE_FILE_NAME, resolved) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = store_file_prepare(resolved, path, ret_message, &fresh);
        if (r < 0)
                return r;
        r = store_schema_open(store, path, fresh, ret_message);
        if (r < 0)
                return r;

        store->error[0] = '\0';
        *ret_store = STEAL_POINTER(store);
        return 0;
}

int store_open(const char *directory, char **ret_message, struct store **ret_store)
{
        char *message = NULL;

        int r = store_open_in(directory, &message, ret_store);
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
        /* A mark that cannot be written costs a repeated entry, so there is nobody to tell. */
        if (store->mark_count > 0 && store_write_begin(store) >= 0)
                (void)store_write_end(store, 0);

        store_statements_finalize(store);
        (void)sqlite3_close(store->database);
        if (store->lock >= 0)
                (void)close(store->lock);
        free(store);
        return NULL;
}

const char *store_error(const struct store *store)
{
        return store->error[0] != '\0' ? store->error : "no error";
}
