/* SPDX-License-Identifier: MIT */

/* The service: how it is, and its metrics. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/check.h"
#include "ctl/command.h"
#include "ctl/context.h"
#include "ctl/fetch.h"
#include "ctl/json.h"
#include "ctl/times.h"
#include "util/cleanup.h"
#include "util/message.h"

DEFINE_CLEANUP(sd_bus_message, sd_bus_message_unref)

static char *describe_jobs(const struct row *row)
{
        uint64_t failing = row_number(row, "FailingJobs");
        char *text = format_message("%" PRIu64 " watched: %" PRIu64 " open, %" PRIu64 " succeeded, %" PRIu64
                                    " failed or gone",
                                    row_number(row, "Watched"), row_number(row, "Open"),
                                    row_number(row, "Succeeded"), row_number(row, "Failed"));
        if (failing == 0)
                return text;
        char *longer = format_message("%s; %" PRIu64 " cannot be polled", text, failing);
        free(text);
        return longer;
}

static char *describe_api(const struct row *row, const struct output *output)
{
        char *api = text_of(row_text(row, "Api"));
        uint64_t retry_us = row_number(row, "ApiRetryUSec");

        if (api == NULL || retry_us == 0)
                return api;
        char *when = time_format_ago(retry_us, output->now_us);
        char *longer = format_message("%s; next attempt %s", api, when);
        free(when);
        free(api);
        return longer;
}

static char *describe_requests(const struct row *row)
{
        uint64_t limit = row_number(row, "RequestsHourLimit");

        if (row_value(row, "RequestsHour") == NULL)
                return NULL;
        if (limit == 0)
                return format_message("%" PRIu64 " in the last hour", row_number(row, "RequestsHour"));
        return format_message("%" PRIu64 " in the last hour, of %" PRIu64, row_number(row, "RequestsHour"),
                              limit);
}

static char *describe_time(const struct row *row, const char *key, const struct output *output)
{
        uint64_t time_us = row_number(row, key);

        return time_us > 0 ? time_format_both(time_us, output->now_us) : NULL;
}

static char *describe_token(const struct row *row, const struct output *output)
{
        uint64_t expires_us = row_number(row, "TokenExpiresUSec");

        if (expires_us == 0)
                return NULL;
        CLEANUP(cleanup_free) char *expires = time_format_both(expires_us, output->now_us);
        return format_message("expires %s%s", expires,
                              row_number(row, "RefreshExpiresUSec") > 0 ? "; is renewed before"
                                                                        : "; cannot be renewed");
}

static void print_problems(const struct output *output, char *const *problems)
{
        if (problems == NULL || *problems == NULL)
                return;
        (void)puts("");
        for (; *problems != NULL; problems++) {
                char *problem = text_of(*problems);
                (void)printf("%s%s%s\n", colour_begin(output, "yellow"), problem,
                             colour_end(output, "yellow"));
                free(problem);
        }
}

static char *describe_deliveries(const struct row *row)
{
        return format_message("%" PRIu64 " pending, %" PRIu64 " failed", row_number(row, "DeliveriesPending"),
                              row_number(row, "DeliveriesFailed"));
}

/* With several hosts: which one is active. */
static char *describe_host(const struct row *row, const struct output *output)
{
        CLEANUP(cleanup_free) char *host = text_of(row_text(row, "ActiveHost"));
        CLEANUP(cleanup_free) char *since = describe_time(row, "ActiveSinceUSec", output);

        if (row_text(row, "Role") == NULL)
                return NULL;
        if (host == NULL)
                return format_message("none");
        return format_message("%s%s, since %s", host,
                              row_text_is(row, "Role", "active") ? " (this one)" : "; this one stands by",
                              since != NULL ? since : "?");
}

static void print_status(const struct output *output, const struct client *client, const struct row *row,
                         char *const *problems)
{
        CLEANUP(cleanup_free) char *unit = client_unit(client);
        CLEANUP(cleanup_free) char *version = text_of(row_text(row, "Version"));
        const uint64_t next_us = row_number(row, "NextPollUSec");
        const bool well = problems == NULL, api_well = row_text_is(row, "Api", "ok");
        const bool failed = row_number(row, "DeliveriesFailed") > 0;
        const bool stands_by = row_text_is(row, "Role", "standby");
        struct detail details[] = {
                { "Since", describe_time(row, "StartedUSec", output), NULL },
                { "Active host", describe_host(row, output), NULL },
                { "Jobs", stands_by ? NULL : describe_jobs(row), NULL },
                { "API", describe_api(row, output), api_well ? "green" : "red" },
                { "Token", describe_token(row, output), NULL },
                { "Next poll", next_us > 0 ? time_format_ago(next_us, output->now_us) : NULL, NULL },
                { "Requests", describe_requests(row), NULL },
                { "Change feed", text_of(row_text(row, "Feed")), NULL },
                { "Deliveries", stands_by ? NULL : describe_deliveries(row), failed ? "yellow" : NULL },
        };

        (void)printf("%s●%s %s, jobwatchd %s: %s\n", colour_begin(output, well ? "green" : "red"),
                     colour_end(output, "green"), unit, version != NULL ? version : "",
                     well ? "no problems" : "problems, see below");
        details_print(output, details, sizeof(details) / sizeof(*details));
        print_problems(output, problems);
}

enum exit_status command_status(struct context *context)
{
        CLEANUP(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
        struct output *output = &context->output;
        struct client *client = &context->client;
        struct row row = { .fields = NULL };

        if ((context->arguments->given & OPTION_CHECK) != 0)
                return check_status(context);
        enum exit_status status = fetch_row(client, client_message(client, "GetStatus"), &row, &reply);
        if (status != EXIT_STATUS_SUCCESS)
                return status;
        const struct value *value = row_value(&row, "Problems");
        char **problems = value != NULL && value->type == 'a' ? value->texts : NULL;
        if (problems != NULL && *problems == NULL)
                problems = NULL;
        if (output->json != JSON_OFF)
                json_print_row(&row, output->json == JSON_PRETTY);
        else
                print_status(output, client, &row, problems);
        if (problems != NULL)
                status = EXIT_STATUS_FAILED;
        row_clear(&row);
        return status;
}

enum exit_status command_metrics(struct context *context)
{
        CLEANUP(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
        const char *text;

        enum exit_status status =
                client_call(&context->client, client_message(&context->client, "Metrics"), &reply);
        if (status != EXIT_STATUS_SUCCESS)
                return status;
        if (sd_bus_message_read(reply, "s", &text) < 0)
                return client_wrong_reply();
        output_page(&context->output);
        (void)fputs(text, stdout);
        return EXIT_STATUS_SUCCESS;
}
