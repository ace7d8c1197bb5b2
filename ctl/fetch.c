/* SPDX-License-Identifier: MIT */

/* Lists of the service, page by page. */

#include "ctl/fetch.h"

#include <errno.h>

#include "util/cleanup.h"

#define PAGE_ROWS 1000

DEFINE_CLEANUP(sd_bus_message, sd_bus_message_unref)

enum exit_status fetch_rows(struct client *client, sd_bus_message *call, struct rows *rows)
{
        CLEANUP(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;

        enum exit_status status = client_call(client, call, &reply);
        if (status != EXIT_STATUS_SUCCESS)
                return status;
        return rows_read(rows, reply) < 0 ? client_wrong_reply() : EXIT_STATUS_SUCCESS;
}

enum exit_status fetch_row(struct client *client, sd_bus_message *call, struct row *ret_row,
                           sd_bus_message **ret_reply)
{
        CLEANUP(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;

        enum exit_status status = client_call(client, call, &reply);
        if (status != EXIT_STATUS_SUCCESS)
                return status;
        if (row_read(reply, ret_row) < 0)
                return client_wrong_reply();
        *ret_reply = STEAL_POINTER(reply);
        return EXIT_STATUS_SUCCESS;
}

struct id_list ids_of_call(const struct id_list *ids, size_t before)
{
        const size_t left = ids->count - before;

        return (struct id_list){ .ids = left > 0 ? ids->ids + before : NULL,
                                 .count = left < CALL_IDS_MAX ? left : CALL_IDS_MAX };
}

/*
 * Finds where the next page begins: after the last row. Returns 1; 0 if there were no rows after the first
 * `before`; or -EPROTO if it is not further on, since then there would be no end.
 */
static int next_page(const struct rows *rows, size_t before, const char *key, uint64_t *after)
{
        if (rows->count == before)
                return 0;
        uint64_t last = row_number(&rows->items[rows->count - 1], key);
        if (last <= *after)
                return -EPROTO;
        *after = last;
        return 1;
}

/* ---- jobs ---- */

static void append_ids(sd_bus_message *call, const struct id_list *ids)
{
        client_need(sd_bus_message_open_container(call, 'e', "sv"));
        client_need(sd_bus_message_append(call, "s", "Ids"));
        client_need(sd_bus_message_open_container(call, 'v', "at"));
        client_append_ids(call, ids);
        client_need(sd_bus_message_close_container(call));
        client_need(sd_bus_message_close_container(call));
}

static void append_keys(sd_bus_message *call, const char *const *keys)
{
        client_need(sd_bus_message_open_container(call, 'e', "sv"));
        client_need(sd_bus_message_append(call, "s", "Keys"));
        client_need(sd_bus_message_open_container(call, 'v', "as"));
        client_need(sd_bus_message_open_container(call, 'a', "s"));
        for (; *keys != NULL; keys++)
                client_need(sd_bus_message_append(call, "s", *keys));
        for (int i = 0; i < 3; i++)
                client_need(sd_bus_message_close_container(call));
}

static sd_bus_message *jobs_call(struct client *client, const struct job_filter *filter, uint64_t after)
{
        sd_bus_message *call = client_message(client, "ListJobs");

        client_need(sd_bus_message_open_container(call, 'a', "{sv}"));
        if (filter->state != NULL)
                client_append_text(call, "State", filter->state);
        if (filter->ids != NULL)
                append_ids(call, filter->ids);
        if (filter->patterns != NULL && *filter->patterns != NULL)
                client_append_texts(call, "Patterns", filter->patterns);
        if (filter->keys != NULL)
                append_keys(call, filter->keys);
        client_need(sd_bus_message_close_container(call));
        client_need(sd_bus_message_append(call, "tu", after, PAGE_ROWS));
        return call;
}

/* With no more IDs than a call may have. */
static int try_pages(struct client *client, const struct job_filter *filter, struct rows *rows,
                     struct call_failure *ret_failure)
{
        uint64_t after = 0;
        int r;

        do {
                CLEANUP(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
                size_t before = rows->count;

                r = client_try(client, jobs_call(client, filter, after), &reply, ret_failure);
                if (r >= 0)
                        r = rows_read(rows, reply);
                if (r >= 0)
                        r = next_page(rows, before, "Id", &after);
        } while (r > 0);
        return r;
}

int try_jobs(struct client *client, const struct job_filter *filter, struct rows *rows,
             struct call_failure *ret_failure)
{
        struct job_filter part = *filter;
        size_t done = 0;
        int r;

        if (filter->ids == NULL)
                return try_pages(client, filter, rows, ret_failure);
        do {
                const struct id_list ids = ids_of_call(filter->ids, done);

                part.ids = &ids;
                r = try_pages(client, &part, rows, ret_failure);
                done += ids.count;
        } while (r >= 0 && done < filter->ids->count);
        return r;
}

enum exit_status fetch_jobs(struct client *client, const struct job_filter *filter, struct rows *rows)
{
        struct call_failure failure;

        if (try_jobs(client, filter, rows, &failure) >= 0)
                return EXIT_STATUS_SUCCESS;
        enum exit_status status =
                failure.error != 0 ? client_explain(client, &failure) : client_wrong_reply();
        call_failure_clear(&failure);
        return status;
}

/* ---- events ---- */

sd_bus_message *event_page_call(struct client *client, const struct event_page *page)
{
        static const struct id_list all = { .ids = NULL };
        sd_bus_message *call = client_message(client, "ListEvents");

        client_need(sd_bus_message_append(call, "t", page->after));
        client_append_ids(call, page->jobs != NULL ? page->jobs : &all);
        client_need(sd_bus_message_append(call, "u", (uint32_t)(page->limit > 0 ? page->limit : PAGE_ROWS)));
        return call;
}

int event_page_read(struct event_page *page, sd_bus_message *reply, struct rows *rows)
{
        struct rows unwanted = { .items = NULL };
        size_t before = rows != NULL ? rows->count : 0;
        int gap = 0;

        int r = sd_bus_message_read(reply, "tb", &page->newest, &gap);
        if (r >= 0)
                r = rows_read(rows != NULL ? rows : &unwanted, reply);
        if (r >= 0 && rows != NULL)
                r = next_page(rows, before, "Sequence", &page->after);
        rows_clear(&unwanted);
        page->gap = r >= 0 && gap != 0;
        page->count = rows != NULL ? rows->count - before : 0;
        return r < 0 ? r : 0;
}

enum exit_status fetch_events(struct client *client, struct event_page *page, struct rows *rows)
{
        CLEANUP(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;

        enum exit_status status = client_call(client, event_page_call(client, page), &reply);
        if (status != EXIT_STATUS_SUCCESS)
                return status;
        return event_page_read(page, reply, rows) < 0 ? client_wrong_reply() : EXIT_STATUS_SUCCESS;
}

/* ---- deliveries ---- */

static sd_bus_message *deliveries_call(struct client *client, const char *state, uint64_t after)
{
        sd_bus_message *call = client_message(client, "ListDeliveries");

        client_need(sd_bus_message_open_container(call, 'a', "{sv}"));
        if (state != NULL)
                client_append_text(call, "State", state);
        client_need(sd_bus_message_close_container(call));
        client_need(sd_bus_message_append(call, "tu", after, PAGE_ROWS));
        return call;
}

enum exit_status fetch_deliveries(struct client *client, const char *state, struct rows *rows)
{
        uint64_t after = 0;
        int r;

        do {
                size_t before = rows->count;

                enum exit_status status = fetch_rows(client, deliveries_call(client, state, after), rows);
                if (status != EXIT_STATUS_SUCCESS)
                        return status;
                r = next_page(rows, before, "Id", &after);
        } while (r > 0);
        return r < 0 ? client_wrong_reply() : EXIT_STATUS_SUCCESS;
}
