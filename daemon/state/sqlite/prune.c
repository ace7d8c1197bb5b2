/* SPDX-License-Identifier: MIT */

/*
 * How the state is bounded in time. The temporary table `configured` has the names of the configured hooks
 * and the ids of the configured jobs. Pending deliveries to other hooks do not keep an event, and other jobs
 * are forgotten.
 */

#include "state/sqlite/transaction.h"

static int configured_add(struct store *store, const char *hook, uint64_t job)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;

        int r = store_statement(store, STATEMENT_CONFIGURED_PUT, &statement);
        if (r < 0)
                return r;
        if (hook != NULL)
                (void)sqlite3_bind_text(statement, 1, hook, -1, SQLITE_STATIC);
        else
                (void)sqlite3_bind_int64(statement, 2, (sqlite3_int64)job);
        return store_step(store, statement);
}

static int configured_write(struct store *store, const struct store_configured *configured)
{
        int r = store_run(store, STATEMENT_CONFIGURED_DELETE, NULL);

        for (size_t i = 0; r >= 0 && i < configured->hook_count; i++)
                r = configured_add(store, configured->hooks[i], 0);
        for (size_t i = 0; r >= 0 && i < configured->job_count; i++)
                r = configured_add(store, NULL, configured->jobs[i]);
        return r;
}

static sqlite3_int64 number_up_to_max(uint64_t number)
{
        return number > INT64_MAX ? INT64_MAX : (sqlite3_int64)number;
}

static int prune(struct store *store, uint64_t now_us, uint64_t age_us,
                 const struct store_configured *configured)
{
        static const enum statement prunes[] = { STATEMENT_JOB_CONFIGURED, STATEMENT_JOB_PRUNE,
                                                 STATEMENT_MANUAL_PRUNE, STATEMENT_VALUE_PRUNE,
                                                 STATEMENT_EVENT_PRUNE };

        int r = configured_write(store, configured);
        for (size_t i = 0; r >= 0 && i < sizeof(prunes) / sizeof(prunes[0]); i++) {
                CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;

                r = store_statement(store, prunes[i], &statement);
                if (r < 0)
                        return r;
                (void)sqlite3_bind_int64(statement, 1, number_up_to_max(now_us));
                (void)sqlite3_bind_int64(statement, 2, number_up_to_max(age_us));
                if (prunes[i] == STATEMENT_JOB_PRUNE) {
                        (void)sqlite3_bind_int64(statement, 3, configured->discovered_ticks);
                        (void)sqlite3_bind_int64(statement, 4, configured->discovered_form);
                }
                r = store_step(store, statement);
        }
        return r;
}

int store_prune(struct store *store, uint64_t now_us, uint64_t age_us,
                const struct store_configured *configured)
{
        int r = store_write_begin(store);

        return r < 0 ? r : store_write_end(store, prune(store, now_us, age_us, configured));
}
