/* SPDX-License-Identifier: MIT */

/* Which jobs are watched: add, remove, poll. The service logs who has asked for it. */

#include <inttypes.h>
#include <stdio.h>

#include "ctl/changes.h"
#include "ctl/command.h"
#include "ctl/context.h"
#include "ctl/fetch.h"
#include "ctl/json.h"

/* After an error in one of several calls. */
static void print_done(size_t done, const struct id_list *ids)
{
        if (done > 0)
                print_error("%zu of %zu IDs were sent before, and this is done", done, ids->count);
}

/* Calls with the ids of the command line, and nothing else. */
static enum exit_status call_with_ids(struct context *context, const char *method)
{
        const struct id_list *ids = &context->arguments->ids;
        enum exit_status status;
        size_t done = 0;

        client_expect_polkit(&context->client);
        do {
                const struct id_list part = ids_of_call(ids, done);
                sd_bus_message *reply = NULL, *call = client_message(&context->client, method);

                client_append_ids(call, &part);
                status = client_call(&context->client, call, &reply);
                sd_bus_message_unref(reply);
                if (status != EXIT_STATUS_SUCCESS)
                        print_done(done, ids);
                done += part.count;
        } while (status == EXIT_STATUS_SUCCESS && done < ids->count);
        return status;
}

sd_bus_message *add_jobs_call(struct client *client, const struct id_list *ids, const char *name,
                              char *const *hooks)
{
        sd_bus_message *call = client_message(client, "AddJobs");

        client_append_ids(call, ids);
        client_need(sd_bus_message_open_container(call, 'a', "{sv}"));
        if (name != NULL)
                client_append_text(call, "Name", name);
        if (hooks != NULL)
                client_append_texts(call, "Hooks", hooks);
        client_need(sd_bus_message_close_container(call));
        return call;
}

static void print_added(const struct row *row)
{
        static const struct {
                const char *was, *now;
        } words[] = {
                { "new", "is watched from now on" },
                { "watched", "was watched already" },
                { "ended", "had ended; it is read once more" },
                { "removed", "is watched again" },
        };

        for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
                if (row_text_is(row, "Was", words[i].was))
                        (void)printf("Job %" PRIu64 " %s.\n", row_number(row, "Id"), words[i].now);
}

enum exit_status command_add(struct context *context)
{
        const struct arguments *arguments = context->arguments;
        const struct id_list *ids = &arguments->ids;
        struct rows rows = { .items = NULL };
        enum exit_status status;
        size_t done = 0;

        if (arguments->name != NULL && arguments->ids.count > 1) {
                print_error("--name: only with one job, since names are unique");
                return EXIT_STATUS_USAGE;
        }
        client_expect_polkit(&context->client);
        do {
                const struct id_list part = ids_of_call(ids, done);

                status = fetch_rows(
                        &context->client,
                        add_jobs_call(&context->client, &part, arguments->name, arguments->hooks.items),
                        &rows);
                if (status != EXIT_STATUS_SUCCESS)
                        print_done(done, ids);
                done += part.count;
        } while (status == EXIT_STATUS_SUCCESS && done < ids->count);
        if (rows.count > 0 && context->output.json != JSON_OFF)
                json_print_rows(&rows, context->output.json == JSON_PRETTY);
        else
                for (size_t i = 0; i < rows.count; i++)
                        print_added(&rows.items[i]);
        rows_clear(&rows);
        return status;
}

enum exit_status command_remove(struct context *context)
{
        return call_with_ids(context, "RemoveJobs");
}

enum exit_status command_poll(struct context *context)
{
        return call_with_ids(context, "Poll");
}

/* ---- deliveries ---- */

enum exit_status command_retry(struct context *context)
{
        return call_with_ids(context, "Retry");
}

enum exit_status command_drop(struct context *context)
{
        return call_with_ids(context, "Drop");
}

/* ---- several hosts ---- */

enum exit_status command_handover(struct context *context)
{
        sd_bus_message *reply = NULL;

        client_expect_polkit(&context->client);
        enum exit_status status =
                client_call(&context->client, client_message(&context->client, "Handover"), &reply);
        sd_bus_message_unref(reply);
        return status;
}
