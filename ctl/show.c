/* SPDX-License-Identifier: MIT */

/* One job with everything that is known of it. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/context.h"
#include "ctl/fetch.h"
#include "ctl/json.h"
#include "ctl/table.h"
#include "ctl/times.h"
#include "util/cleanup.h"
#include "util/message.h"
#include "util/text.h"
#include "util/timespan.h"

DEFINE_CLEANUP(sd_bus_message, sd_bus_message_unref)

static char *describe_status(const struct row *row, const struct output *output)
{
        char *status = format_status(row, "Status", output);
        const char *outcome = row_text(row, "Outcome");

        if (row_value(row, "Observed") != NULL && !row_flag(row, "Observed")) {
                const char *failing = row_text(row, "Failing");
                free(status);
                return format_message("not read yet%s%s", failing != NULL ? ": " : "",
                                      failing != NULL ? failing : "");
        }
        if (status == NULL || outcome == NULL || row_text_is(row, "Outcome", "gone"))
                return status;
        char *longer = format_message("%s [%s]", status, outcome);
        free(status);
        return longer;
}

static char *describe_business(const struct row *row)
{
        const char *name = row_text(row, "Business");
        uint64_t id = row_number(row, "BusinessId");

        if (name == NULL || id == 0)
                return name != NULL ? text_of(name) : id > 0 ? format_message("%" PRIu64, id) : NULL;
        char *text = text_of(name);
        char *both = format_message("%s (%" PRIu64 ")", text, id);
        free(text);
        return both;
}

static char *describe_list(const struct row *row, const char *key)
{
        const struct value *value = row_value(row, key);
        char *joined = NULL;

        if (value == NULL || value->type != 'a')
                return NULL;
        for (char **text = value->texts; text != NULL && *text != NULL; text++) {
                char *longer = format_message("%s%s%s", joined != NULL ? joined : "",
                                              joined != NULL ? ", " : "", *text);
                free(joined);
                joined = longer;
        }
        char *safe = text_of(joined);
        free(joined);
        return safe;
}

static char *describe_watching(const struct row *row)
{
        char span[TIMESPAN_TEXT_MAX];
        uint64_t interval_us = row_number(row, "IntervalUSec");

        if (row_flag(row, "Removed"))
                return format_message("no: removed");
        const char *how = row_flag(row, "Listed")  ? "listed in the configuration"
                          : row_flag(row, "Added") ? "added"
                                                   : NULL;
        char *sections = describe_list(row, "Discover"), *text;
        if (how == NULL && sections != NULL)
                text = format_message("discovered by %s", sections);
        else
                text = how != NULL ? format_message("%s", how) : NULL;
        free(sections);
        if (text == NULL || interval_us == 0)
                return text;
        char *longer = format_message("%s, polled every %s", text, timespan_format(interval_us, span));
        free(text);
        return longer;
}

static char *describe_deliveries(const struct row *row)
{
        uint64_t pending = row_number(row, "Deliveries"), failed = row_number(row, "FailedDeliveries");

        return pending + failed > 0
                       ? format_message("%" PRIu64 " pending, %" PRIu64 " failed", pending, failed)
                       : NULL;
}

/* The lines of the result as they are, but safe on a terminal. */
static void print_result(const struct row *row)
{
        const char *result = row_text(row, "Result");
        uint64_t size = row_number(row, "ResultBytes");

        if (result == NULL)
                return;
        (void)printf("\nResult (%" PRIu64 " byte%s%s):\n", size, plural(size),
                     strlen(result) < size ? ", of which the first follow" : "");
        while (*result != '\0') {
                size_t length = strcspn(result, "\n");
                char *line = text_escape(result, length, 0);
                (void)puts(line);
                free(line);
                result += length + (result[length] != '\0');
        }
}

static void print_job(const struct output *output, const struct row *row)
{
        const uint64_t changed_us = row_number(row, "ChangedUSec"), next_us = row_number(row, "NextPollUSec");
        CLEANUP(cleanup_free) char *name = text_of(row_text(row, "Name"));
        struct detail details[] = {
                { "Description", text_of(row_text(row, "Description")), NULL },
                { "Status", describe_status(row, output), status_colour(row) },
                { "Since", changed_us > 0 ? time_format_both(changed_us, output->now_us) : NULL, NULL },
                { "Progress", format_percent(row, "Progress", output), NULL },
                { "Left", format_left(row, "LeftUSec", output), NULL },
                { "Last event", text_of(row_text(row, "Event")), NULL },
                { "Business", describe_business(row), NULL },
                { "Files", text_of(row_text(row, "Files")), NULL },
                { "GUID", text_of(row_text(row, "Guid")), NULL },
                { "Updated on", text_of(row_text(row, "UpdatedOn")), NULL },
                { "Watched", describe_watching(row), NULL },
                { "Next poll", next_us > 0 ? time_format_ago(next_us, output->now_us) : NULL, NULL },
                { "Hooks", describe_list(row, "Hooks"), NULL },
                { "Deliveries", describe_deliveries(row), NULL },
        };

        (void)printf("Job %" PRIu64 "%s%s%s\n", row_number(row, "Id"), name != NULL ? " (" : "",
                     name != NULL ? name : "", name != NULL ? ")" : "");
        details_print(output, details, sizeof(details) / sizeof(*details));
        print_result(row);
}

enum exit_status command_show(struct context *context)
{
        CLEANUP(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
        struct output *output = &context->output;
        struct client *client = &context->client;
        struct row row = { .fields = NULL };

        sd_bus_message *call = client_message(client, "GetJob");
        client_need(sd_bus_message_append(call, "t", context->arguments->ids.ids[0]));
        enum exit_status status = fetch_row(client, call, &row, &reply);
        if (status != EXIT_STATUS_SUCCESS)
                return status;
        output_page(output);
        if (output->json != JSON_OFF)
                json_print_row(&row, output->json == JSON_PRETTY);
        else
                print_job(output, &row);
        row_clear(&row);
        return EXIT_STATUS_SUCCESS;
}
