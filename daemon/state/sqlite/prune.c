/* SPDX-License-Identifier: MIT */

/*
 * How the state is bounded in time: events that are logged, delivered and old are deleted. The temporary table
 * `configured` has the names of the configured hooks; pending deliveries to others do not keep an event.
 */

#include "state/sqlite/marks.h"
#include "state/sqlite/transaction.h"

static int configured_write(struct state *state, const char *const hooks[], size_t hook_count)
{
        int r = state_execute(state, "DELETE FROM configured", NULL);

        for (size_t i = 0; r >= 0 && i < hook_count; i++) {
                CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;

                r = state_statement(state, STATEMENT_CONFIGURED_PUT, &statement);
                if (r < 0)
                        return r;
                (void)sqlite3_bind_text(statement, 1, hooks[i], -1, SQLITE_STATIC);
                r = state_step(state, statement);
        }
        return r;
}

static sqlite3_int64 number_up_to_max(uint64_t number)
{
        return number > INT64_MAX ? INT64_MAX : (sqlite3_int64)number;
}

static int prune(struct state *state, uint64_t now_us, uint64_t age_us, const char *const hooks[],
                 size_t hook_count)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;

        int r = marks_write(state);
        if (r >= 0)
                r = configured_write(state, hooks, hook_count);
        if (r >= 0)
                r = state_statement(state, STATEMENT_EVENT_PRUNE, &statement);
        if (r < 0)
                return r;
        (void)sqlite3_bind_int64(statement, 1, number_up_to_max(now_us));
        (void)sqlite3_bind_int64(statement, 2, number_up_to_max(age_us));
        return state_step(state, statement);
}

int state_prune(struct state *state, uint64_t now_us, uint64_t age_us, const char *const hooks[],
                size_t hook_count)
{
        int r = state_write_begin(state);
        if (r < 0)
                return r;
        return state_write_end(state, prune(state, now_us, age_us, hooks, hook_count));
}
