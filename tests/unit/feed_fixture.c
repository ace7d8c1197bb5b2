/* SPDX-License-Identifier: MIT */

/* The search by UpdatedOn, from a table. */

#include "feed_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define PAGE_ROWS_MAX 100

void feed_table_init(struct feed_table *table)
{
        *table = (struct feed_table){ .now_us = 1000 * USEC_PER_SEC, .form = REMOTE_TIME_UTC };
        feed_cursor_init(&table->cursor);
}

void feed_table_clear(struct feed_table *table)
{
        feed_cursor_clear(&table->cursor);
        free(table->jobs);
}

struct feed_job *feed_table_add(struct feed_table *table, uint64_t id, int64_t ticks, bool watched)
{
        if (table->count == table->capacity) {
                table->capacity = table->capacity * 2 + 64;
                table->jobs = reallocarray(table->jobs, table->capacity, sizeof(*table->jobs));
                assert_non_null(table->jobs);
        }
        table->jobs[table->count] =
                (struct feed_job){ .id = id, .ticks = ticks, .version = 1, .watched = watched };
        return &table->jobs[table->count++];
}

struct feed_job *feed_table_get(struct feed_table *table, uint64_t id)
{
        for (size_t i = 0; i < table->count; i++)
                if (table->jobs[i].id == id)
                        return &table->jobs[i];
        fail_msg("no job %llu", (unsigned long long)id);
        return NULL;
}

void feed_table_remove(struct feed_table *table, uint64_t id)
{
        struct feed_job *job = feed_table_get(table, id);

        *job = table->jobs[--table->count];
}

void feed_table_change(struct feed_table *table, uint64_t id, int64_t ticks)
{
        struct feed_job *job = feed_table_get(table, id);

        job->version++;
        job->ticks = ticks;
}

/* ---- pages ---- */

static int compare_newest_first(const void *left, const void *right)
{
        const struct feed_job *a = *(const struct feed_job *const *)left;
        const struct feed_job *b = *(const struct feed_job *const *)right;

        if (a->ticks != b->ticks)
                return a->ticks > b->ticks ? -1 : 1;
        return a->id > b->id ? -1 : a->id < b->id;
}

static struct feed_row make_row(const struct feed_table *table, const struct feed_job *job)
{
        uint64_t digest = (job->id * 1000003 + (uint64_t)job->ticks) * 1000003 + job->version;

        return (struct feed_row){
                .id = job->id,
                .updated = { table->form, FEED_EPOCH + job->ticks, job->ticks % REMOTE_TICKS_PER_SEC == 0 },
                .digest = digest,
                .watched = job->watched,
                .as_recorded_or_seen = job->watched && job->shown == job->version,
                .has_status = !table->no_status,
        };
}

/* The jobs that the search shows, in its order. */
static struct feed_job **sort_jobs(const struct feed_table *table, const struct feed_page_request *request,
                                   size_t *ret_count)
{
        struct feed_job **sorted = calloc(table->count + 1, sizeof(*sorted));
        size_t count = 0;

        assert_non_null(sorted);
        for (size_t i = 0; i < table->count; i++)
                if (!table->jobs[i].hidden)
                        sorted[count++] = &table->jobs[i];
        qsort(sorted, count, sizeof(struct feed_job *), compare_newest_first);
        if (table->has_direction && request->direction != table->direction)
                for (size_t i = 0; i < count / 2; i++) {
                        struct feed_job *job = sorted[i];
                        sorted[i] = sorted[count - 1 - i];
                        sorted[count - 1 - i] = job;
                }
        *ret_count = count;
        return sorted;
}

static enum feed_step take_page(struct feed_table *table, const struct feed_page_request *request)
{
        struct feed_row rows[PAGE_ROWS_MAX];
        bool new[PAGE_ROWS_MAX];
        size_t total, count = 0;
        struct feed_job **sorted = sort_jobs(table, request, &total);
        size_t first = table->stuck ? 0 : (size_t)(request->page - 1) * request->size;
        enum feed_step step;

        assert_in_range(request->size, 1, PAGE_ROWS_MAX);
        for (; count < request->size && first + count < total; count++)
                rows[count] = make_row(table, sorted[first + count]);

        const struct feed_page_end end = {
                .number = table->wrong_number ? 1 : request->page,
                .total = total,
                .has_total = !table->no_total,
                .has_next = table->stuck || table->endless || first + count < total,
        };
        step = feed_cursor_take_page(&table->cursor, rows, count, &end, new, table->now_us);
        table->page_new = 0;
        for (size_t i = 0; i < count; i++)
                if (new[i]) {
                        sorted[first + i]->shown = sorted[first + i]->version;
                        sorted[first + i]->times++;
                        table->page_new++;
                }
        free(sorted);
        return step;
}

enum feed_step feed_table_read_page(struct feed_table *table)
{
        struct feed_page_request request;

        feed_cursor_begin_page(&table->cursor, table->now_us, &request);
        if (table->on_page != NULL)
                table->on_page(table, &request);
        assert_in_range(table->pages, 0, sizeof(table->requests) / sizeof(*table->requests) - 1);
        table->requests[table->pages++] = request;
        table->now_us += USEC_PER_SEC;
        if (table->failing > 0) {
                table->failing--;
                return feed_cursor_fail_page(&table->cursor, false, table->now_us);
        }
        if ((table->size_max > 0 && request.size > table->size_max) || request.size < table->size_min)
                return feed_cursor_fail_page(&table->cursor, table->too_large, table->now_us);
        return take_page(table, &request);
}

enum feed_step feed_table_read_round(struct feed_table *table)
{
        enum feed_step step;

        table->pages = table->again = 0;
        do {
                step = feed_table_read_page(table);
                table->again += step == FEED_AGAIN;
        } while (step == FEED_NEXT_PAGE || step == FEED_AGAIN);
        return step;
}

enum feed_step feed_table_read_full_round(struct feed_table *table)
{
        table->now_us += 31 * USEC_PER_SEC;
        return feed_table_read_round(table);
}

void feed_table_setup(struct feed_table *table, unsigned count, bool watched)
{
        feed_table_init(table);
        for (unsigned id = 1; id <= count; id++) {
                struct feed_job *job = feed_table_add(table, id, FEED_SECONDS(id), watched);
                if (watched) /* they are recorded */
                        job->shown = job->version;
        }
}

void feed_table_start_at(struct feed_table *table, int64_t ticks)
{
        const struct remote_time saved = { REMOTE_TIME_UTC, FEED_EPOCH + ticks, true };

        feed_cursor_start(&table->cursor, &saved);
}
