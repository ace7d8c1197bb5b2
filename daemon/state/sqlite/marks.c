/* SPDX-License-Identifier: MIT */

/* Marks of logged events that are pending until the next transaction: see marks.h. */

#include "state/sqlite/marks.h"

#include <assert.h>
#include <string.h>

bool mark_is_pending(const struct state *state, const char *event_id)
{
        for (size_t i = 0; i < state->mark_count; i++)
                if (strcmp(state->marks[i], event_id) == 0)
                        return true;
        return false;
}

void mark_add(struct state *state, const char *event_id)
{
        size_t length = strlen(event_id);

        assert(state->mark_count < STATE_MARKS_MAX);
        assert(length < EVENT_ID_SIZE);
        memcpy(state->marks[state->mark_count++], event_id, length + 1);
}

int marks_write(struct state *state)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;

        if (state->mark_count == 0)
                return 0;
        int r = state_statement(state, STATEMENT_UNLOGGED_DELETE, &statement);
        if (r < 0)
                return r;

        for (size_t i = 0; i < state->mark_count; i++) {
                (void)sqlite3_bind_text(statement, 1, state->marks[i], -1, SQLITE_STATIC);
                r = state_step(state, statement);
                if (r < 0)
                        return r;
                (void)sqlite3_reset(statement);
        }
        return 0;
}

void marks_clear(struct state *state)
{
        state->mark_count = 0;
}
