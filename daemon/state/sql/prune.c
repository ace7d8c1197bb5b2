/* SPDX-License-Identifier: MIT */

/*
 * How the state is bounded in time. The table `configured` has the names of the configured hooks
 * and the ids of the configured jobs. Pending deliveries to other hooks do not keep an event, and other jobs
 * are forgotten.
 */

#include "state/sql/row.h"
#include "state/sql/transaction.h"

/* A hook, or a job. */
static int configured_add(struct store *store, const char *hook, uint64_t job)
{
        CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_CONFIGURED_PUT);

        row_write_string(&row, hook);
        if (hook == NULL)
                row_write_number(&row, job);
        return row_step(&row);
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

static uint64_t number_up_to_max(uint64_t number)
{
        return number > INT64_MAX ? INT64_MAX : number;
}

static int prune(struct store *store, uint64_t now_us, uint64_t age_us,
                 const struct store_configured *configured)
{
        static const enum statement prunes[] = { STATEMENT_JOB_CONFIGURED, STATEMENT_JOB_PRUNE,
                                                 STATEMENT_MANUAL_PRUNE, STATEMENT_VALUE_PRUNE,
                                                 STATEMENT_EVENT_PRUNE };

        int r = configured_write(store, configured);
        for (size_t i = 0; r >= 0 && i < sizeof(prunes) / sizeof(prunes[0]); i++) {
                CLEANUP(row_release) struct row row = row_prepare(store, prunes[i]);

                row_write_number(&row, number_up_to_max(now_us));
                if (prunes[i] != STATEMENT_JOB_CONFIGURED)
                        row_write_number(&row, number_up_to_max(age_us));
                if (prunes[i] == STATEMENT_JOB_PRUNE) {
                        row_write_number(&row, (uint64_t)configured->discovered_ticks);
                        row_write_number(&row, (uint64_t)configured->discovered_form);
                }
                r = row_step(&row);
        }
        return r;
}

int store_prune(struct store *store, uint64_t now_us, uint64_t age_us,
                const struct store_configured *configured)
{
        if (store->host != NULL)
                (void)STORE_WRITE(store->host, prune(store->host, now_us, age_us, configured));
        return STORE_WRITE(store, prune(store, now_us, age_us, configured));
}
