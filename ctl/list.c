/* SPDX-License-Identifier: MIT */

/* Listings that are one call and one table: jobs, jobs of the account, Status values. */

#include "ctl/command.h"
#include "ctl/context.h"
#include "ctl/fetch.h"
#include "ctl/table.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(*(array)))

static enum exit_status print_rows(struct context *context, const struct listing *listing,
                                   enum exit_status status, struct rows *rows)
{
        if (status == EXIT_STATUS_SUCCESS) {
                output_page(&context->output);
                listing_print(&context->output, listing, rows);
        }
        rows_clear(rows);
        return status;
}

/* ---- jobs ---- */

static const struct column job_columns[] = {
        { .heading = "ID", .key = "Id", .right = true },
        { .heading = "NAME", .key = "Name" },
        { .heading = "STATUS", .key = "Status", .format = format_status, .colour = status_colour },
        { .heading = "SINCE", .key = "ChangedUSec", .format = format_ago },
        { .heading = "PROGRESS", .key = "Progress", .format = format_percent, .right = true },
        { .heading = "LEFT", .key = "LeftUSec", .format = format_left },
        { .heading = "DESCRIPTION", .key = "Description", .cut = 1 },
};

/* All that the columns show, in little more than half the time of whole rows. */
static const char *const job_keys[] = { "Id",          "Name",     "Status",   "Outcome",
                                        "ChangedUSec", "Progress", "LeftUSec", "Description",
                                        "Failing",     "Removed",  NULL };

static const struct listing jobs = { job_columns, COUNT_OF(job_columns), "job", "jobs" };

enum exit_status command_list(struct context *context)
{
        static const struct {
                unsigned option;
                const char *name;
        } states[] = {
                { OPTION_FAILED, "failed" },
                { OPTION_FAILING, "failing" },
                { OPTION_OPEN, "open" },
                { OPTION_ENDED, "ended" },
        };
        struct job_filter filter = { .patterns = context->arguments->words };
        struct rows rows = { .items = NULL };

        for (size_t i = 0; i < COUNT_OF(states); i++) {
                if ((context->arguments->given & states[i].option) == 0)
                        continue;
                if (filter.state != NULL) {
                        print_error("--%s and --%s exclude each other", filter.state, states[i].name);
                        return EXIT_STATUS_USAGE;
                }
                filter.state = states[i].name;
        }
        if (context->output.json == JSON_OFF)
                filter.keys = job_keys;
        enum exit_status status = fetch_jobs(&context->client, &filter, &rows);
        return print_rows(context, &jobs, status, &rows);
}

/* ---- jobs of the account ---- */

static const struct column recent_columns[] = {
        { .heading = "ID", .key = "Id", .right = true },
        { .heading = "STATUS", .key = "Status" },
        { .heading = "UPDATED", .key = "UpdatedOn" },
        { .heading = "WATCHED", .key = "Watched" },
        { .heading = "BUSINESS", .key = "Business" },
        { .heading = "DESCRIPTION", .key = "Description", .cut = 1 },
};

static const struct listing recent = { recent_columns, COUNT_OF(recent_columns), "job", "jobs" };

enum exit_status command_recent(struct context *context)
{
        const struct arguments *arguments = context->arguments;
        struct rows rows = { .items = NULL };

        sd_bus_message *call = client_message(&context->client, "Recent");
        client_need(sd_bus_message_open_container(call, 'a', "{sv}"));
        if (arguments->lines > 0)
                client_need(
                        sd_bus_message_append(call, "{sv}", "Limit", "u",
                                              (uint32_t)(arguments->lines < 100 ? arguments->lines : 100)));
        if (arguments->business > 0)
                client_append_number(call, "BusinessId", arguments->business);
        if (arguments->description != NULL)
                client_append_text(call, "Description", arguments->description);
        client_need(sd_bus_message_close_container(call));
        enum exit_status status = fetch_rows(&context->client, call, &rows);
        return print_rows(context, &recent, status, &rows);
}

/* ---- Status values ---- */

static char *format_outcome(const struct row *row, const char *key, const struct output *output)
{
        const char *outcome = row_text(row, key);

        (void)output;
        if (row_value(row, "Recognised") != NULL && !row_flag(row, "Recognised"))
                return cell_text_of("open (unrecognised)");
        return cell_text_of(outcome);
}

static const char *outcome_colour(const struct row *row)
{
        if (row_value(row, "Recognised") != NULL && !row_flag(row, "Recognised"))
                return "yellow";
        return status_colour(row);
}

static const struct column status_columns[] = {
        { .heading = "STATUS", .key = "Status" },
        { .heading = "COUNTS AS", .key = "Outcome", .format = format_outcome, .colour = outcome_colour },
        { .heading = "JOBS", .key = "Jobs", .right = true },
        { .heading = "EVENTS", .key = "Events", .right = true },
        { .heading = "LAST", .key = "LastUSec", .format = format_ago },
};

static const struct listing statuses = { status_columns, COUNT_OF(status_columns), "status", "statuses" };

enum exit_status command_statuses(struct context *context)
{
        struct rows rows = { .items = NULL };

        enum exit_status status =
                fetch_rows(&context->client, client_message(&context->client, "ListStatuses"), &rows);
        return print_rows(context, &statuses, status, &rows);
}
