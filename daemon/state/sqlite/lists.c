/* SPDX-License-Identifier: MIT */

/* Pages of jobs, to be shown. Each is read by its primary key from where the page before has ended. */

#include "state/lists.h"

#include <errno.h>

#include "state/sqlite/row.h"
#include "state/sqlite/texts.h"

/* A number that is compared with a column. None of those is larger. */
static void write_bound(struct row_writer *row, uint64_t number)
{
        row_write_number(row, number < INT64_MAX ? number : INT64_MAX);
}

void listed_job_clear(struct listed_job *job)
{
        job_record_clear(&job->record);
        text_clear(&job->sections);
        *job = (struct listed_job){ .has_event = false };
}

static int read_job(struct store *store, sqlite3_stmt *statement, size_t result_max,
                    struct listed_job *ret_job)
{
        struct text_digest result;
        char outcome[16], event[16];

        struct row_reader row = row_read(statement);
        ret_job->record.id = row_read_number(&row);
        row_read_string(&row, outcome, sizeof(outcome));
        ret_job->changed_us = row_read_number(&row);
        result.hash = row_read_number(&row);
        result.size = row_read_number(&row);
        row_read_record(&row, &ret_job->record);
        row_read_text(&row, &ret_job->sections);
        row_read_string(&row, event, sizeof(event));
        int r = row_read_end(store, &row);
        if (r < 0)
                return r;
        if (!outcome_from_string(outcome, &ret_job->outcome))
                return store_fail(store, -EUCLEAN, "a job in the database has an unknown outcome");
        ret_job->has_event = event_kind_from_string(event, &ret_job->event);
        ret_job->result_size = result.size != UINT64_MAX ? result.size : 0;
        if (result_max == 0)
                return 0;
        return store_text_read_head(store, ret_job->record.id, result, result_max, &ret_job->record.result);
}

int store_list_jobs(struct store *store, uint64_t after, uint64_t until, size_t max, size_t result_max,
                    uint64_t *ret_last, listed_job_handler handler, void *userdata)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;
        size_t count = 0;

        int r = store_statement(store, STATEMENT_JOB_LIST, &statement);
        if (r < 0)
                return r;
        struct row_writer bounds = row_write(statement);
        write_bound(&bounds, after);
        write_bound(&bounds, until);
        for (; count < max && (r = store_step(store, statement)) > 0; count++) {
                CLEANUP(listed_job_clear) struct listed_job job = { .has_event = false };

                *ret_last = (uint64_t)sqlite3_column_int64(statement, 0);
                r = read_job(store, statement, result_max, &job);
                if (r == -EUCLEAN)
                        continue;
                if (r < 0)
                        return r;
                store->in_callback = true;
                r = handler(userdata, &job);
                store->in_callback = false;
                if (r != 0)
                        return r;
        }
        return r < 0 ? r : count == max;
}
