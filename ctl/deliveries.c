/* SPDX-License-Identifier: MIT */

/* Deliveries to hooks: those that are pending or have failed, and one with a made-up event. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/command.h"
#include "ctl/context.h"
#include "ctl/fetch.h"
#include "ctl/json.h"
#include "ctl/table.h"
#include "util/cleanup.h"
#include "util/text.h"
#include "util/timespan.h"

DEFINE_CLEANUP(sd_bus_message, sd_bus_message_unref)

/* ---- the table ---- */

/* The hook is named as it is in the deliveries; one that is not configured keeps them. */
static char *format_state(const struct row *row, const char *key, const struct output *output)
{
        (void)output;
        if (row_value(row, "Configured") != NULL && !row_flag(row, "Configured"))
                return cell_text_of("no such hook");
        return cell_text_of(row_text(row, key));
}

static const char *state_colour(const struct row *row)
{
        if (row_text_is(row, "State", "failed"))
                return "red";
        return row_number(row, "Attempts") > 0 ? "yellow" : NULL;
}

static const struct column delivery_columns[] = {
        { .heading = "ID", .key = "Id", .right = true },
        { .heading = "HOOK", .key = "Hook" },
        { .heading = "JOB", .key = "Job", .right = true },
        { .heading = "EVENT", .key = "Event" },
        { .heading = "STATE", .key = "State", .format = format_state, .colour = state_colour },
        { .heading = "ATTEMPTS", .key = "Attempts", .right = true },
        { .heading = "NEXT", .key = "NextUSec", .format = format_ago },
        { .heading = "ERROR", .key = "Error", .cut = 1 },
};

static const struct listing deliveries = { delivery_columns,
                                           sizeof(delivery_columns) / sizeof(*delivery_columns), "delivery",
                                           "deliveries" };

enum exit_status command_deliveries(struct context *context)
{
        const unsigned given = context->arguments->given;
        const char *state = NULL;
        struct rows rows = { .items = NULL };

        if ((given & OPTION_PENDING) != (given & OPTION_FAILED) && (given & OPTION_PENDING) != 0)
                state = "pending";
        else if ((given & OPTION_FAILED) != 0 && (given & OPTION_PENDING) == 0)
                state = "failed";
        enum exit_status status = fetch_deliveries(&context->client, state, &rows);
        if (status == EXIT_STATUS_SUCCESS) {
                output_page(&context->output);
                listing_print(&context->output, &deliveries, &rows);
        }
        rows_clear(&rows);
        return status;
}

/* ---- test-hook ---- */

/* How long after the last question the delivery is asked for again. No signal says that it has ended. */
#define FIRST_WAIT_US (20 * USEC_PER_MSEC)
#define LAST_WAIT_US  (500 * USEC_PER_MSEC)

static void pause_us(uint64_t span_us)
{
        const struct timespec span = { .tv_sec = (time_t)(span_us / USEC_PER_SEC),
                                       .tv_nsec = (long)(span_us % USEC_PER_SEC * 1000) };

        (void)nanosleep(&span, NULL);
}

static enum exit_status start_test(struct context *context, uint64_t *ret_id)
{
        CLEANUP(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
        const struct arguments *arguments = context->arguments;
        sd_bus_message *call = client_message(&context->client, "TestHook");

        client_need(sd_bus_message_append(call, "s", arguments->words[0]));
        client_need(sd_bus_message_open_container(call, 'a', "{sv}"));
        if (arguments->event != NULL)
                client_append_text(call, "Event", arguments->event);
        if (arguments->job > 0)
                client_append_number(call, "Job", arguments->job);
        client_need(sd_bus_message_close_container(call));
        client_expect_polkit(&context->client);
        enum exit_status status = client_call(&context->client, call, &reply);
        if (status != EXIT_STATUS_SUCCESS)
                return status;
        return sd_bus_message_read(reply, "t", ret_id) < 0 ? client_wrong_reply() : EXIT_STATUS_SUCCESS;
}

static bool has_ended(const struct row *row)
{
        return row_text_is(row, "State", "done") || row_text_is(row, "State", "failed");
}

static enum exit_status await_end(struct client *client, uint64_t id, struct row *ret_row,
                                  sd_bus_message **ret_reply)
{
        for (uint64_t wait_us = FIRST_WAIT_US;;
             wait_us = wait_us * 2 < LAST_WAIT_US ? wait_us * 2 : LAST_WAIT_US) {
                CLEANUP(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
                struct row row = { .fields = NULL };

                sd_bus_message *call = client_message(client, "GetDelivery");
                client_need(sd_bus_message_append(call, "t", id));
                enum exit_status status = fetch_row(client, call, &row, &reply);
                if (status != EXIT_STATUS_SUCCESS)
                        return status;
                if (has_ended(&row)) {
                        *ret_row = row;
                        *ret_reply = STEAL_POINTER(reply);
                        return EXIT_STATUS_SUCCESS;
                }
                row_clear(&row);
                pause_us(wait_us);
        }
}

/* What the hook has printed, line by line, and then how it ended. */
static void print_test(const struct output *output, const char *hook, const struct row *row)
{
        const char *printed = row_text(row, "Output"), *error = row_text(row, "Error");
        char span[TIMESPAN_TEXT_MAX];

        while (printed != NULL && *printed != '\0') {
                size_t length = strcspn(printed, "\n");
                char *line = text_escape(printed, length, 0);
                (void)printf("  %s\n", line);
                free(line);
                printed += length + (printed[length] != '\0');
        }
        const bool done = row_text_is(row, "State", "done");
        /* Not rounded to seconds: most hooks are quicker. */
        uint64_t span_us = row_number(row, "DurationUSec") / USEC_PER_MSEC * USEC_PER_MSEC;
        CLEANUP(cleanup_free) char *reason = text_of(error);
        (void)printf("%sHook %s: %s after %s%s%s%s\n", colour_begin(output, done ? "green" : "red"), hook,
                     done ? "succeeded" : "failed",
                     span_us > 0 ? timespan_format(span_us, span) : "under 1ms", reason != NULL ? ": " : "",
                     reason != NULL ? reason : "", colour_end(output, done ? "green" : "red"));
}

enum exit_status command_test_hook(struct context *context)
{
        CLEANUP(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
        struct output *output = &context->output;
        struct row row = { .fields = NULL };
        uint64_t id;

        enum exit_status status = start_test(context, &id);
        if (status == EXIT_STATUS_SUCCESS)
                status = await_end(&context->client, id, &row, &reply);
        if (status != EXIT_STATUS_SUCCESS)
                return status;
        if (output->json != JSON_OFF)
                json_print_row(&row, output->json == JSON_PRETTY);
        else
                print_test(output, context->arguments->words[0], &row);
        if (row_text_is(&row, "State", "failed"))
                status = EXIT_STATUS_FAILED;
        row_clear(&row);
        return status;
}
