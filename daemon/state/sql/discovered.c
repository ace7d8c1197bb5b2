/* SPDX-License-Identifier: MIT */

/*
 * Which jobs were discovered, and by which sections. The rest of such a job is in the table `jobs`; its row
 * here is deleted with that one.
 */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "state/sql/row.h"
#include "state/sql/transaction.h"

static int discovered_write(struct store *store, const struct stored_discovery *discovery)
{
        CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_DISCOVERED_PUT);

        row_write_number(&row, discovery->job);
        row_write_bytes(&row, discovery->sections, strlen(discovery->sections));
        row_write_number(&row, (uint64_t)discovery->created_ticks);
        row_write_number(&row, (uint64_t)discovery->created_form);
        return row_step(&row);
}

int store_put_discovered(struct store *store, const struct stored_discovery *discovery)
{
        assert(discovery->sections[0] != '\0');
        return STORE_WRITE(store, discovered_write(store, discovery));
}

int store_drop_discovered(struct store *store, uint64_t job)
{
        return STORE_WRITE(store, store_run_with(store, STATEMENT_DISCOVERED_DELETE, job));
}

/* Returns 1 and the next row, with the text that its sections are in, after *job; or 0. */
static int discovered_next(struct store *store, uint64_t *job, struct text *ret_sections,
                           struct stored_discovery *ret_discovery)
{
        CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_DISCOVERED_NEXT);
        char outcome[16];

        row_write_number(&row, *job);
        int r = row_step(&row);
        if (r <= 0)
                return r;

        *job = ret_discovery->job = row_read_number(&row);
        row_read_text(&row, ret_sections);
        ret_discovery->created_ticks = (int64_t)row_read_number(&row);
        ret_discovery->created_form = (int)row_read_number(&row);
        row_read_string(&row, outcome, sizeof(outcome));
        r = row_read_end(&row);
        if (r < 0)
                return r;
        if (ret_sections->data == NULL || !outcome_from_string(outcome, &ret_discovery->outcome))
                return store_fail(store, -EUCLEAN, "a discovered job in the database is damaged");
        ret_discovery->sections = ret_sections->data;
        return 1;
}

int store_each_discovered(struct store *store, discovery_handler handler, void *userdata)
{
        uint64_t job = 0;
        int damaged = 0;

        /* No statement is open while the handler runs, so it may call other functions. */
        for (;;) {
                CLEANUP(text_clear) struct text sections = TEXT_NULL;
                struct stored_discovery discovery;
                uint64_t before = job;

                int r = discovered_next(store, &job, &sections, &discovery);
                if (r == 0)
                        return damaged;
                if (r == -EUCLEAN && job != before) {
                        damaged = r; /* the row is skipped, which is reported at the end */
                        continue;
                }
                if (r > 0)
                        r = handler(userdata, &discovery);
                if (r < 0)
                        return r;
        }
}
