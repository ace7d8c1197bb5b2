/* SPDX-License-Identifier: MIT */

/* Marks of logged events that are pending until the next transaction: see marks.h. */

#include "state/sqlite/marks.h"

#include <assert.h>
#include <string.h>

bool mark_is_pending(const struct store *store, const char *event_id)
{
        for (size_t i = 0; i < store->mark_count; i++)
                if (strcmp(store->marks[i], event_id) == 0)
                        return true;
        return false;
}

void mark_add(struct store *store, const char *event_id)
{
        size_t length = strlen(event_id);

        assert(store->mark_count < STATE_MARKS_MAX);
        assert(length < EVENT_ID_SIZE);
        memcpy(store->marks[store->mark_count++], event_id, length + 1);
}

int marks_write(struct store *store)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;

        if (store->mark_count == 0)
                return 0;
        int r = store_statement(store, STATEMENT_UNLOGGED_DELETE, &statement);
        if (r < 0)
                return r;

        for (size_t i = 0; i < store->mark_count; i++) {
                (void)sqlite3_bind_text(statement, 1, store->marks[i], -1, SQLITE_STATIC);
                r = store_step(store, statement);
                if (r < 0)
                        return r;
                (void)sqlite3_reset(statement);
        }
        return 0;
}

void marks_clear(struct store *store)
{
        store->mark_count = 0;
}
