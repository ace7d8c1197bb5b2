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

/* Runs a statement about one job. */
static int manual_run(struct store *store, enum statement which, uint64_t job)
{
        CLEANUP(row_release) struct row row = row_prepare(store, which);

        row_write_number(&row, job);
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
                r = manual_run(store, STATEMENT_MANUAL_DELETE, dropped[i]);
        return r;
}

int store_change_manual(struct store *store, const struct manual_job put[], size_t put_count,
                        const uint64_t dropped[], size_t dropped_count)
{
        int r = store_write_begin(store);

        return r < 0 ? r
                     : store_write_end(store, manual_change(store, put, put_count, dropped, dropped_count));
}

int store_manual_read(struct store *store, uint64_t job)
{
        int r = store_write_begin(store);

        return r < 0 ? r : store_write_end(store, manual_run(store, STATEMENT_MANUAL_READ, job));
}

/* ---- reading ---- */

/* Moves a text into a string; NULL for null. */
static char *take_string(struct text *text)
{
        return STEAL_POINTER(text->data);
}

/*
 * Returns 1 and the first one whose job is not less than `from`, or 0. *ret_job is that job, even if the row
 * is damaged.
 */
static int manual_find(struct store *store, uint64_t from, uint64_t *ret_job, struct manual_job *ret_manual)
{
        CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_MANUAL_GET);
        CLEANUP(text_clear) struct text name = TEXT_NULL;
        CLEANUP(text_clear) struct text hooks = TEXT_NULL;
        enum manual_kind kind;
        char word[16];

        row_write_number(&row, from);
        int r = row_step(&row);
        if (r <= 0)
                return r;

        *ret_job = row_read_number(&row);
        row_read_string(&row, word, sizeof(word));
        row_read_text(&row, &name);
        row_read_text(&row, &hooks);
        bool again = row_read_number(&row) != 0;
        uint64_t written_s = row_read_number(&row);
        r = row_read_end(&row);
        if (r < 0)
                return r;
        if (!manual_kind_from_string(word, &kind))
                return store_fail(store, -EUCLEAN, "a job that was added in the database is damaged");
        *ret_manual = (struct manual_job){ .id = *ret_job,
                                           .kind = kind,
                                           .name = take_string(&name),
                                           .hooks = take_string(&hooks),
                                           .again = again,
                                           .since_us = (int64_t)(written_s * 1000000) };
        return 1;
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
        CLEANUP(manual_job_clear) struct manual_job found = MANUAL_JOB_NONE;
        uint64_t found_job = 0;

        int r = manual_find(store, job, &found_job, &found);
        if (found_job != 0 && found_job != job)
                return 0;
        if (r <= 0)
                return r;
        *ret_manual = found;
        found = MANUAL_JOB_NONE;
        return 1;
}

int store_each_manual(struct store *store, manual_handler handler, void *userdata)
{
        int damaged = 0;

        /* No statement is open while the handler runs, so it may call other functions. */
        for (uint64_t from = 1, job;; from = job + 1) {
                CLEANUP(manual_job_clear) struct manual_job manual = MANUAL_JOB_NONE;

                job = 0;
                int r = manual_find(store, from, &job, &manual);
                if (r == 0)
                        return damaged;
                if (r == -EUCLEAN && job != 0) {
                        damaged = r; /* the row is skipped, which is reported at the end */
                        continue;
                }
                if (r > 0)
                        r = handler(userdata, &manual);
                if (r < 0)
                        return r;
        }
}
