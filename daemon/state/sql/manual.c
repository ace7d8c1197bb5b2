/* SPDX-License-Identifier: MIT */

/*
 * Which jobs were added or removed at run time. What is recorded of such a job is in the table `jobs`, as of
 * any other.
 */

#include <errno.h>
#include <string.h>

#include "platform/clock.h"
#include "state/sql/row.h"
#include "state/sql/transaction.h"

static void write_string(struct row *row, const char *string)
{
        row_write_bytes(row, string, string != NULL ? strlen(string) : 0);
}

static int manual_put(struct store *store, const struct manual_job *manual)
{
        CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_MANUAL_PUT);

        row_write_number(&row, manual->id);
        row_write_string(&row, manual_kind_to_string(manual->kind));
        write_string(&row, manual->name);
        write_string(&row, manual->hooks);
        row_write_number(&row, manual->again);
        return row_step(&row);
}

/* Changes of the job may have been missed until now. */
static int manual_unwatched(struct store *store, uint64_t job)
{
        CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_MANUAL_UNWATCHED);

        row_write_number(&row, job);
        row_write_number(&row, clock_wall_us());
        return row_step(&row);
}

static int manual_change(struct store *store, const struct manual_job put[], size_t put_count,
                         const uint64_t dropped[], size_t dropped_count)
{
        int r = 0;

        for (size_t i = 0; i < put_count && r >= 0; i++) {
                if (manual_job_is_added(&put[i]))
                        r = manual_unwatched(store, put[i].id);
                if (r >= 0)
                        r = manual_put(store, &put[i]);
        }
        for (size_t i = 0; i < dropped_count && r >= 0; i++)
                r = store_run_with(store, STATEMENT_MANUAL_DELETE, dropped[i]);
        return r;
}

int store_change_manual(struct store *store, const struct manual_job put[], size_t put_count,
                        const uint64_t dropped[], size_t dropped_count)
{
        return STORE_WRITE(store, manual_change(store, put, put_count, dropped, dropped_count));
}

int store_manual_read(struct store *store, uint64_t job)
{
        return STORE_WRITE(store, store_run_with(store, STATEMENT_MANUAL_READ, job));
}

/* ---- reading ---- */

/* A statement for all jobs between two. */
static struct row manual_prepare(struct store *store, uint64_t first, uint64_t last)
{
        struct row row = row_prepare(store, STATEMENT_MANUAL_GET);

        row_write_number(&row, first);
        row_write_number(&row, last);
        return row;
}

/* Reads the present row, which the caller clears. */
static int manual_take(struct row *row, struct manual_job *ret_manual)
{
        CLEANUP(text_clear) struct text name = TEXT_NULL;
        CLEANUP(text_clear) struct text hooks = TEXT_NULL;
        struct manual_job manual = MANUAL_JOB_NONE;
        char kind[16];

        manual.id = row_read_number(row);
        row_read_string(row, kind, sizeof(kind));
        row_read_text(row, &name);
        row_read_text(row, &hooks);
        manual.again = row_read_number(row) != 0;
        manual.since_us = (int64_t)(row_read_number(row) * 1000000);
        int r = row_read_end(row);
        if (r < 0)
                return r;
        if (!manual_kind_from_string(kind, &manual.kind))
                return store_fail(row->store, -EUCLEAN, "a job that was added in the database is damaged");
        manual.name = STEAL_POINTER(name.data);
        manual.hooks = STEAL_POINTER(hooks.data);
        *ret_manual = manual;
        return 0;
}

int store_find_manual_name(struct store *store, const char *name, uint64_t except, uint64_t *ret_job)
{
        CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_MANUAL_NAMED);

        row_write_bytes(&row, name, strlen(name));
        row_write_number(&row, except);
        int r = row_step(&row);
        if (r > 0)
                row_key(&row, ret_job);
        return r;
}

int store_get_manual(struct store *store, uint64_t job, struct manual_job *ret_manual)
{
        CLEANUP(row_release) struct row row = manual_prepare(store, job, job);

        int r = row_step(&row);
        if (r <= 0)
                return r;
        r = manual_take(&row, ret_manual);
        return r < 0 ? r : 1;
}

int store_each_manual(struct store *store, manual_handler handler, void *userdata)
{
        CLEANUP(row_release) struct row row = manual_prepare(store, 0, INT64_MAX);
        int r, damaged = 0;

        while ((r = row_step(&row)) > 0) {
                CLEANUP(manual_job_clear) struct manual_job manual = MANUAL_JOB_NONE;

                r = manual_take(&row, &manual);
                if (r == -EUCLEAN) {
                        damaged = r; /* the row is skipped, which is reported at the end */
                        continue;
                }
                store->in_callback = true;
                r = handler(userdata, &manual);
                store->in_callback = false;
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : damaged;
}
