/* SPDX-License-Identifier: MIT */

/*
 * The search. Text filters match substrings, ignoring case; numbers and ranges are exact. Unknown filters are
 * ignored, as by the real API. Each row counts as a read of its job.
 */

#include "search.h"

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
        const struct job *one = *(struct job *const *)a, *other = *(struct job *const *)b;
        const struct page *page = userdata;
        int order = 0;

        if (strcmp(page->order, "CreatedOn") == 0)
                order = (one->created_wall > other->created_wall) - (one->created_wall < other->created_wall);
        else if (strcmp(page->order, "UpdatedOn") == 0)
                order = (one->updated_wall > other->updated_wall) - (one->updated_wall < other->updated_wall);
        else if (strcmp(page->order, "Id") != 0)
                order = compare_texts(text_of(one, page->order), text_of(other, page->order));
        if (order == 0)
                order = (one->id > other->id) - (one->id < other->id);
        return page->direction < 0 ? -order : order;
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

static size_t find_rows(struct exchange *exchange, struct job **rows)
{
        struct jobs *jobs = &exchange->fake->jobs;
        bool filters = exchange->query && !exchange->fake->settings.ignore_filters;
        uint64_t now = clock_now();
        size_t count = 0;

        for (size_t i = 0; i < jobs->count; i++) {
                job_advance(jobs, jobs->all[i], now);
                if (!jobs->all[i]->gone && (!filters || job_fits(jobs->all[i], exchange->query)))
                        rows[count++] = jobs->all[i];
        }
        return count;
}

static void add_envelope(struct buffer *body, const struct page *page)
{
        buffer_add_format(body, "],\"CurrentPage\":%llu,\"CurrentPageSize\":%llu,\"CurrentOrderField\":",
                          (unsigned long long)page->number, (unsigned long long)page->size);
        buffer_add_json_text(body, page->order);
        buffer_add_format(
                body,
                ",\"CurrentSortDirection\":%d,\"FirstItem\":%llu,\"LastItem\":%llu,\"TotalItems\":%llu,"
                "\"TotalPages\":%llu,\"HasNextPage\":%s,\"HasPreviousPage\":%s}",
                page->direction, (unsigned long long)page->first, (unsigned long long)page->last,
                (unsigned long long)page->total, (unsigned long long)page->pages,
                page->number < page->pages ? "true" : "false",
                page->number > 1 && page->pages > 0 ? "true" : "false");
}

/* The requested order. 1 is ascending, anything else descending. */
static void read_order(const char *query, struct page *page, struct buffer *order)
{
        struct buffer direction = { 0 };

        page->order = form_find(query, "orderBy", order) ? order->data : "CreatedOn";
        page->direction = !form_find(query, "dir", &direction) || strcmp(direction.data, "1") == 0 ? 1 : -1;
        buffer_release(&direction);
}

void search_answer(struct exchange *exchange, struct answer *answer)
{
        struct jobs *jobs = &exchange->fake->jobs;
        struct job **rows = calloc(jobs->count + 1, sizeof(struct job *));
        struct buffer order = { 0 };
        struct page page = { .number = number_or(exchange->query, "page", 1),
                             .size = number_or(exchange->query, "size", 25) };

        if (!rows)
                return;
        if (page.size > 1000)
                page.size = 1000;
        read_order(exchange->query, &page, &order);
        page.total = find_rows(exchange, rows);
        page.pages = (page.total + page.size - 1) / page.size;
        qsort_r(rows, page.total, sizeof(struct job *), compare, &page);

        uint64_t from = page.number <= page.pages ? (page.number - 1) * page.size : page.total;
        uint64_t to = from + page.size < page.total ? from + page.size : page.total;
        page.first = to > from ? from + 1 : 0;
        page.last = to > from ? to : 0;
        buffer_add_text(&answer->body, "{\"Records\":[");
        for (uint64_t i = from; i < to; i++) {
                if (i > from)
                        buffer_add_text(&answer->body, ",");
                endpoints_add_record(exchange, answer, rows[i],
                                     endpoints_list_shape(&exchange->fake->settings));
        }
        add_envelope(&answer->body, &page);
        answer->status = 200;
        buffer_release(&order);
        free(rows);
}
