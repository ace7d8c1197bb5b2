/* SPDX-License-Identifier: MIT */

/*
 * The search. Text filters match substrings, ignoring case; numbers and ranges are exact. Unknown filters are
 * ignored, as by the real API. Each row counts as a read of its job, but shows it as it was before. A page by
 * CreatedOn or UpdatedOn without filters costs no more with 100,000 jobs than with a hundred.
 */

#include "search.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "endpoints.h"
#include "form.h"

struct page {
        uint64_t number, size, total, pages, first, last;
        const char *order;
        int direction;
        const struct job_order_entry *rows; /* all of them, ascending */
        struct job_order_entry *own_rows;   /* set if the rows are a copy */
};

/* The field of a job for a filter; NULL for null. */
static const char *text_of(const struct job *job, const char *name)
{
        static const struct {
                const char *name;
                enum job_field field;
        } rows[] = { { "Business", FIELD_BUSINESS_ID },  { "User", FIELD_USER_ID },
                     { "User_Email", FIELD_USER_EMAIL }, { "JobId", FIELD_GUID },
                     { "Files", FIELD_FILES },           { "Description", FIELD_DESCRIPTION } };

        if (strcmp(name, "Status") == 0)
                return job->status;
        if (strcmp(name, "ResultData") == 0)
                return job->result;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
                if (strcmp(name, rows[i].name) == 0)
                        return job->spec->fields[rows[i].field];
        return NULL;
}

static bool text_fits(const struct job *job, const char *name, const char *wanted)
{
        const char *text = text_of(job, name);
        bool number = strcmp(name, "Business") == 0 || strcmp(name, "User") == 0;

        return text && (number ? strcmp(text, wanted) == 0 : strcasestr(text, wanted) != NULL);
}

static bool date_fits(int64_t wall, const char *text, bool from)
{
        struct tm parts = { 0 };

        if (!strptime(text, "%Y-%m-%dT%H:%M", &parts))
                return true;
        int64_t limit = (int64_t)timegm(&parts) * 1000000;
        return from ? wall >= limit : wall <= limit;
}

static bool job_fits(const struct job *job, const char *query)
{
        static const char *const texts[] = { "Business",    "User",  "User_Email", "JobId",
                                             "Description", "Files", "Status",     "ResultData" };
        struct buffer value = { 0 };
        char name[80];
        bool fits = true;

        for (size_t i = 0; fits && i < sizeof texts / sizeof texts[0]; i++) {
                snprintf(name, sizeof name, "BusinessBackgroundJob_%s", texts[i]);
                fits = !form_find(query, name, &value) || text_fits(job, texts[i], value.data);
        }
        for (unsigned i = 0; fits && i < 4; i++) {
                snprintf(name, sizeof name, "%s_BusinessBackgroundJob_%s", i & 1 ? "to" : "from",
                         i & 2 ? "UpdatedOn" : "CreatedOn");
                fits = !form_find(query, name, &value) ||
                       date_fits(i & 2 ? job->updated_wall : job->created_wall, value.data, !(i & 1));
        }
        buffer_release(&value);
        return fits;
}

static int compare_texts(const char *a, const char *b)
{
        return strcmp(a ? a : "", b ? b : "");
}

static int compare(const void *a, const void *b, void *userdata)
{
        const struct job_order_entry *one = a, *other = b;
        const char *order = ((const struct page *)userdata)->order;
        int result = strcmp(order, "Id") != 0
                             ? compare_texts(text_of(one->job, order), text_of(other->job, order))
                             : 0;

        return result != 0 ? result : (one->id > other->id) - (one->id < other->id);
}

static int compare_mixed(const void *a, const void *b)
{
        const struct job_order_entry *one = a, *other = b;
        uint64_t left = one->id * UINT64_C(0x9e3779b97f4a7c15),
                 right = other->id * UINT64_C(0x9e3779b97f4a7c15);

        return (left > right) - (left < right);
}

static uint64_t number_or(const char *query, const char *name, uint64_t otherwise)
{
        struct buffer value = { 0 };
        uint64_t number;

        if (!form_find(query, name, &value) || parse_number(value.data, &number) < 0 || number == 0)
                number = otherwise;
        buffer_release(&value);
        return number;
}

/* Returns 0 or -ENOMEM. */
static int find_rows(struct exchange *exchange, struct page *page)
{
        const struct settings *settings = &exchange->fake->settings;
        const char *query = exchange->query;
        bool has_filters = query && strstr(query, "BusinessBackgroundJob_") && !settings->ignore_filters;
        bool by_time = strcmp(page->order, "CreatedOn") == 0 || strcmp(page->order, "UpdatedOn") == 0;
        enum order order = strcmp(page->order, "CreatedOn") == 0 ? ORDER_CREATED : ORDER_UPDATED;
        const struct job_order *all = jobs_in_order(&exchange->fake->jobs, order, clock_now());

        if (!all)
                return -ENOMEM;
        page->rows = all->entries;
        page->total = all->count;
        if (by_time && !has_filters && !settings->search_unsorted)
                return 0;

        page->own_rows = calloc(all->count + 1, sizeof *page->own_rows);
        if (!page->own_rows)
                return -ENOMEM;
        page->rows = page->own_rows;
        page->total = 0;
        for (size_t i = 0; i < all->count; i++)
                if (!has_filters || job_fits(all->entries[i].job, query))
                        page->own_rows[page->total++] = all->entries[i];
        if (settings->search_unsorted)
                qsort(page->own_rows, page->total, sizeof *page->own_rows, compare_mixed);
        else if (!by_time)
                qsort_r(page->own_rows, page->total, sizeof *page->own_rows, compare, page);
        return 0;
}

static void add_number(struct buffer *body, const char *name, uint64_t number, const char *omit)
{
        if (record_begin_field(body, name, omit))
                buffer_add_number(body, number);
}

static void add_flag(struct buffer *body, const char *name, bool flag, const char *omit)
{
        if (record_begin_field(body, name, omit))
                buffer_add_text(body, flag ? "true" : "false");
}

static void add_envelope(struct buffer *body, const struct page *page, const char *omit)
{
        add_number(body, "CurrentPage", page->number, omit);
        add_number(body, "CurrentPageSize", page->size, omit);
        if (record_begin_field(body, "CurrentOrderField", omit))
                buffer_add_json_text(body, page->order);
        if (record_begin_field(body, "CurrentSortDirection", omit))
                buffer_add_text(body, page->direction > 0 ? "1" : "-1");
        add_number(body, "FirstItem", page->first, omit);
        add_number(body, "LastItem", page->last, omit);
        add_number(body, "TotalItems", page->total, omit);
        add_number(body, "TotalPages", page->pages, omit);
        add_flag(body, "HasNextPage", page->number < page->pages, omit);
        add_flag(body, "HasPreviousPage", page->number > 1 && page->pages > 0, omit);
        buffer_add_text(body, "}");
}

static int read_direction(const struct exchange *exchange)
{
        const char *descending = exchange->fake->settings.search_descending;
        struct buffer value = { 0 };
        int direction = 1;

        if (form_find(exchange->query, "dir", &value) &&
            (descending ? list_has(descending, value.data) : strcmp(value.data, "1") != 0))
                direction = -1;
        buffer_release(&value);
        return direction;
}

static void read_page(const struct exchange *exchange, struct page *page, struct buffer *order)
{
        page->size = number_or(exchange->query, "size", 25);
        if (page->size > 1000)
                page->size = 1000;
        page->number = exchange->fake->settings.search_pages == SEARCH_PAGES_FIRST
                               ? 1
                               : number_or(exchange->query, "page", 1);
        page->order = form_find(exchange->query, "orderBy", order) ? order->data : "CreatedOn";
        page->direction = read_direction(exchange);
}

/* Returns false if the page cannot be sent. */
static bool add_row(struct exchange *exchange, struct answer *answer, struct job *job)
{
        const struct settings *settings = &exchange->fake->settings;

        if (job->spec->search_row == SEARCH_ROW_ERROR) {
                answer_refuse(answer, 500, "An error has occurred.");
                return false;
        }
        if (job->spec->search_row == SEARCH_ROW_BROKEN)
                buffer_add_text(&answer->body, "{\"Status\":null}");
        else
                endpoints_add_record(exchange, answer, job, endpoints_list_shape(settings),
                                     settings->search_omit);
        job_read(&exchange->fake->jobs, job, clock_now()); /* last, since it may move the job */
        return true;
}

static void add_page(struct exchange *exchange, struct answer *answer, struct page *page)
{
        const struct settings *settings = &exchange->fake->settings;
        uint64_t number = settings->search_pages == SEARCH_PAGES_REPEATED ? 1 : page->number;

        page->pages = (page->total + page->size - 1) / page->size;
        uint64_t from = number <= page->pages ? (number - 1) * page->size : page->total;
        uint64_t to = from + page->size < page->total ? from + page->size : page->total;
        page->first = to > from ? from + 1 : 0;
        page->last = to > from ? to : 0;
        answer->status = 200;
        buffer_add_text(&answer->body, "{\"Records\":[");
        for (uint64_t i = from; i < to; i++) {
                if (i > from)
                        buffer_add_text(&answer->body, ",");
                if (!add_row(exchange, answer, page->rows[page->direction > 0 ? i : page->total - 1 - i].job))
                        return;
        }
        buffer_add_text(&answer->body, "]");
        add_envelope(&answer->body, page, settings->search_omit);
}

void search_answer(struct exchange *exchange, struct answer *answer)
{
        struct buffer order = { 0 };
        struct page page = { 0 };

        read_page(exchange, &page, &order);
        if (find_rows(exchange, &page) == 0)
                add_page(exchange, answer, &page);
        buffer_release(&order);
        free(page.own_rows);
}
