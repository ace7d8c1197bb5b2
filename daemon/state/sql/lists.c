/* SPDX-License-Identifier: MIT */

/* Pages of jobs, events and deliveries, to be shown. Each is read by a key, from where the page before ended.
 */

#include "state/lists.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state/sql/events.h"
#include "state/sql/row.h"
#include "state/sql/texts.h"
#include "util/id_list.h"

/* Events or deliveries that are read for some of them. */
#define LOOK_MAX 10000

/* A number that is compared with a column, in which none is larger. */
static void write_bound(struct row *row, uint64_t number)
{
        row_write_number(row, number < INT64_MAX ? number : INT64_MAX);
}

/*
 * A page in progress, to be released with page_release(). The store is in a callback from one page_next() to
 * the other, which is called until it returns false.
 */
struct page {
        struct row row;
        size_t left;        /* rows that may be read */
        size_t wanted;      /* rows that may be shown */
        uint64_t *ret_last; /* the key of the last row that was read */
        int result;         /* of the last row; other than 0: the page ends */
};

/* A statement whose parameters are how many rows are read, the key before the first, and maybe more. */
static struct page page_begin(struct store *store, enum statement which, uint64_t after, size_t left,
                              size_t wanted, uint64_t *ret_last)
{
        struct page page = {
                .row = row_prepare(store, which), .left = left, .wanted = wanted, .ret_last = ret_last
        };

        write_bound(&page.row, left);
        write_bound(&page.row, after);
        return page;
}

static void page_release(struct page *page)
{
        row_release(&page->row);
}

/* Moves to the next row, whose first column is the key. Returns false at the end of the page or the table. */
static bool page_next(struct page *page)
{
        page->row.store->in_callback = false;
        if (page->result != 0 || page->left == 0 || page->wanted == 0)
                return false;
        int r = row_step(&page->row);
        if (r <= 0) {
                page->result = r;
                return false;
        }
        page->left--;
        row_key(&page->row, page->ret_last);
        return true;
}

/* Whether a row that was read with a result is shown: `result` becomes that of the handler then. */
static bool page_shows(struct page *page, int r)
{
        if (r == -EUCLEAN) /* it is left out */
                return false;
        page->result = r;
        if (r < 0)
                return false;
        page->wanted--;
        page->row.store->in_callback = true;
        return true;
}

static int page_end(const struct page *page)
{
        return page->result != 0 ? page->result : page->left == 0 || page->wanted == 0;
}

/* ---- jobs ---- */

void listed_job_clear(struct listed_job *job)
{
        job_record_clear(&job->record);
        text_clear(&job->sections);
        *job = (struct listed_job){ .has_event = false };
}

/* The columns of STATEMENT_JOB_LIST. *ret_text is the row of the result in its table if it is long, else 0.
 */
static int read_job(struct row *row, struct listed_job *ret_job, uint64_t *ret_text)
{
        struct job_record *record = &ret_job->record;
        char outcome[16], event[16];

        record->id = row_read_number(row);
        row_read_string(row, outcome, sizeof(outcome));
        ret_job->changed_us = row_read_number(row);
        ret_job->first_us = row_read_number(row);
        uint64_t size = row_read_number(row);
        row_read_flags(row, record);
        record->business_id = row_read_number(row);
        row_read_text(row, &record->description);
        row_read_text(row, &record->business);
        row_read_text(row, &record->status);
        row_read_text(row, &ret_job->sections);
        row_read_string(row, event, sizeof(event));
        row_read_text(row, &record->result);
        *ret_text = row_read_number(row);
        int r = row_read_end(row);
        if (r < 0)
                return r;
        if (!outcome_from_string(outcome, &ret_job->outcome))
                return store_fail(row->store, -EUCLEAN, "a job in the database has an unknown outcome");
        ret_job->has_event = event_kind_from_string(event, &ret_job->event);
        ret_job->result_size = size != UINT64_MAX ? size : 0;
        return 0;
}

static int read_result(struct store *store, uint64_t text, size_t result_max, struct text *result)
{
        if (text != 0)
                return store_text_read_row(store, text, result_max, result);
        if (result->size > result_max)
                store_text_cut(result, result_max);
        return 0;
}

int store_list_jobs(struct store *store, uint64_t after, uint64_t until, size_t max, uint64_t *ret_last,
                    listed_job_handler handler, void *userdata)
{
        CLEANUP(page_release)
        struct page page = page_begin(store, STATEMENT_JOB_LIST, after, max, max, ret_last);

        write_bound(&page.row, until);
        while (page_next(&page)) {
                CLEANUP(listed_job_clear) struct listed_job job = { .has_event = false };
                uint64_t text = 0;

                int r = read_job(&page.row, &job, &text);
                if (r >= 0)
                        r = read_result(store, text, LISTED_JOB_RESULT_MAX, &job.record.result);
                if (page_shows(&page, r))
                        page.result = handler(userdata, &job);
        }
        return page_end(&page);
}

int store_get_listed_job(struct store *store, uint64_t id, size_t result_max, struct listed_job *ret_job)
{
        CLEANUP(listed_job_clear) struct listed_job job = { .has_event = false };
        CLEANUP(row_release)
        struct row row = row_prepare(store, STATEMENT_JOB_LIST);
        uint64_t text = 0;

        if (id == 0)
                return 0;
        write_bound(&row, 1);
        write_bound(&row, id - 1);
        write_bound(&row, id);
        int r = row_step(&row);
        if (r <= 0)
                return r;
        r = read_job(&row, &job, &text);
        row_read_text(&row, &job.record.guid);
        row_read_text(&row, &job.record.files);
        row_read_text(&row, &job.record.created_on);
        row_read_text(&row, &job.record.updated_on);
        if (r >= 0)
                r = row_read_end(&row);
        if (r >= 0)
                r = read_result(store, text, result_max, &job.record.result);
        if (r < 0)
                return r;
        *ret_job = job;
        job = (struct listed_job){ .has_event = false };
        return 1;
}

int store_list_durations(struct store *store, size_t max, duration_handler handler, void *userdata)
{
        CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_JOB_DURATIONS);
        int r;

        row_write_number(&row, max);
        while ((r = row_step(&row)) > 0) {
                CLEANUP(text_clear) struct text description = TEXT_NULL;

                uint64_t duration_us = row_read_number(&row);
                row_read_text(&row, &description);
                r = row_read_end(&row);
                if (r == -EUCLEAN)
                        continue;
                if (r < 0)
                        return r;
                store->in_callback = true;
                handler(userdata, &description, duration_us);
                store->in_callback = false;
        }
        return r;
}

/* ---- events ---- */

/* The column of the job, of those of an event. */
#define EVENT_JOB_COLUMN 5

static bool is_wanted(const struct row *row, const uint64_t jobs[], size_t job_count)
{
        struct column column;

        row_column(row, EVENT_JOB_COLUMN, &column);
        uint64_t job = (uint64_t)column.number;

        return jobs == NULL || bsearch(&job, jobs, job_count, sizeof(*jobs), id_compare) != NULL;
}

int store_list_events(struct store *store, uint64_t after, const uint64_t jobs[], size_t job_count,
                      size_t max, uint64_t *ret_last, event_handler handler, void *userdata)
{
        bool by_job = jobs != NULL && job_count == 1;
        CLEANUP(page_release)
        struct page page = page_begin(store, by_job ? STATEMENT_EVENT_LIST_JOB : STATEMENT_EVENT_LIST, after,
                                      jobs == NULL || by_job ? max : LOOK_MAX, max, ret_last);

        if (by_job)
                write_bound(&page.row, jobs[0]);
        while (page_next(&page)) {
                CLEANUP(event_clear) struct event event = { 0 };

                if (is_wanted(&page.row, jobs, job_count) &&
                    page_shows(&page, store_event_read(&page.row, LISTED_RESULT_MAX, &event)))
                        page.result = handler(userdata, &event);
        }
        return page_end(&page);
}

int store_event_range(struct store *store, uint64_t *ret_newest, uint64_t *ret_pruned)
{
        int64_t newest = 0, pruned = 0;

        int r = store_run(store, STATEMENT_EVENT_NEWEST, &newest);
        if (r >= 0)
                r = store_run(store, STATEMENT_EVENT_PRUNED, &pruned);
        if (r < 0)
                return r;
        *ret_newest = (uint64_t)newest;
        *ret_pruned = (uint64_t)pruned;
        return 0;
}

/* ---- deliveries ---- */

static void listed_delivery_clear(struct listed_delivery *delivery)
{
        text_clear(&delivery->hook);
        text_clear(&delivery->error);
}

static int read_delivery(struct row *row, struct listed_delivery *ret_delivery)
{
        char event[16], state[16];

        ret_delivery->delivery.id = row_read_number(row);
        row_read_string(row, ret_delivery->delivery.event_id, sizeof(ret_delivery->delivery.event_id));
        row_read_string(row, event, sizeof(event));
        ret_delivery->sequence = row_read_number(row);
        ret_delivery->delivery.job_id = row_read_number(row);
        row_read_string(row, state, sizeof(state));
        ret_delivery->delivery.attempts = (unsigned)row_read_number(row);
        ret_delivery->delivery.next_us = row_read_number(row);
        row_read_words(row, &ret_delivery->hook);
        row_read_words(row, &ret_delivery->error);
        int r = row_read_end(row);
        if (r < 0)
                return r;
        if (!event_kind_from_string(event, &ret_delivery->event))
                return store_fail(row->store, -EUCLEAN, "an event in the database has an unknown kind");
        ret_delivery->failed = strcmp(state, "failed") == 0;
        return 0;
}

static bool matches(const struct listed_delivery *delivery, const struct delivery_filter *filter)
{
        return (filter->state == NULL ||
                strcmp(filter->state, delivery->failed ? "failed" : "pending") == 0) &&
               (filter->hook == NULL || strcmp(filter->hook, text_or_empty(&delivery->hook)) == 0) &&
               (filter->job == 0 || filter->job == delivery->delivery.job_id);
}

int store_list_deliveries(struct store *store, uint64_t after, const struct delivery_filter *filter,
                          size_t max, uint64_t *ret_last, listed_delivery_handler handler, void *userdata)
{
        bool all = filter->state == NULL && filter->hook == NULL && filter->job == 0;
        CLEANUP(page_release)
        struct page page =
                page_begin(store, STATEMENT_DELIVERY_LIST, after, all ? max : LOOK_MAX, max, ret_last);

        while (page_next(&page)) {
                CLEANUP(listed_delivery_clear) struct listed_delivery delivery = { .failed = false };

                int r = read_delivery(&page.row, &delivery);
                if ((r < 0 || matches(&delivery, filter)) && page_shows(&page, r))
                        page.result = handler(userdata, &delivery);
        }
        return page_end(&page);
}

int store_count_deliveries(struct store *store, uint64_t job, uint64_t *ret_pending, uint64_t *ret_failed)
{
        CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_DELIVERY_COUNT);

        write_bound(&row, job);
        int r = row_step(&row);
        if (r < 0)
                return r;
        uint64_t pending = row_read_number(&row);
        uint64_t failed = row_read_number(&row);
        r = row_read_end(&row);
        if (r < 0)
                return r;
        *ret_pending = pending;
        *ret_failed = failed;
        return 0;
}

/* ---- statuses ---- */

/* The columns are the key, the Status and a time. */
static int list_statuses(struct store *store, enum statement which, uint64_t after, size_t max,
                         uint64_t *ret_last, status_handler handler, void *userdata)
{
        CLEANUP(page_release)
        struct page page = page_begin(store, which, after, max, max, ret_last);

        while (page_next(&page)) {
                CLEANUP(text_clear) struct text status = TEXT_NULL;

                (void)row_read_number(&page.row);
                row_read_text(&page.row, &status);
                uint64_t time_us = row_read_number(&page.row);
                if (row_read_end(&page.row) >= 0 && status.data != NULL && page_shows(&page, 0))
                        handler(userdata, &status, time_us);
        }
        return page_end(&page);
}

int store_list_job_statuses(struct store *store, uint64_t after, size_t max, uint64_t *ret_last,
                            status_handler handler, void *userdata)
{
        return list_statuses(store, STATEMENT_JOB_STATUSES, after, max, ret_last, handler, userdata);
}

int store_list_event_statuses(struct store *store, uint64_t after, size_t max, uint64_t *ret_last,
                              status_handler handler, void *userdata)
{
        return list_statuses(store, STATEMENT_EVENT_STATUSES, after, max, ret_last, handler, userdata);
}
