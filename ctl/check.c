/* SPDX-License-Identifier: MIT */

/*
 * The plugin. Critical is that jobs are not polled or events not recorded: no service, an outage of the API,
 * the state. Everything else that the service calls a problem is a warning.
 */

#include "ctl/check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/fetch.h"
#include "util/cleanup.h"
#include "util/timespan.h"

DEFINE_CLEANUP(sd_bus_message, sd_bus_message_unref)

/* Shorter than what such programs wait for a plugin. */
#define REPLY_US (10 * USEC_PER_SEC)

static const char *name_of(enum exit_status status)
{
        switch ((int)status) {
        case EXIT_STATUS_SUCCESS:
                return "OK";
        case EXIT_STATUS_CHECK_WARNING:
                return "WARNING";
        case EXIT_STATUS_CHECK_CRITICAL:
                return "CRITICAL";
        default:
                return "UNKNOWN";
        }
}

static void begin_line(enum exit_status status)
{
        (void)printf("JOBWATCHD %s -", name_of(status));
}

/* A text of the service. What follows "|" would be performance data. */
static void print_text(const char *text)
{
        CLEANUP(cleanup_free) char *safe = text_of(text);

        for (char *at = safe; (at = strchr(at, '|')) != NULL;)
                *at = '/';
        (void)printf(" %s", safe);
}

/* ---- no reply ---- */

static enum exit_status report_failure(const struct client *client, const struct call_failure *failure)
{
        CLEANUP(cleanup_free) char *unit = client_unit(client);
        const bool is_late = failure->name == NULL && failure->error == -ETIME;
        enum exit_status status = EXIT_STATUS_CHECK_UNKNOWN;

        if (is_late || call_failure_is_absence(failure))
                status = EXIT_STATUS_CHECK_CRITICAL;
        begin_line(status);
        if (status == EXIT_STATUS_CHECK_CRITICAL)
                (void)printf(" %s %s", unit, is_late ? "does not reply" : "is not running");
        else if (failure->from_bus && failure->error == -EACCES)
                (void)fputs(" access denied: only root and members of the group jobwatchd may use jobwatchd",
                            stdout);
        else
                print_text(failure->message != NULL ? failure->message : strerror(-failure->error));
        (void)putchar('\n');
        return status;
}

enum exit_status check_without_bus(void)
{
        begin_line(EXIT_STATUS_CHECK_UNKNOWN);
        (void)puts(" cannot connect to the system bus");
        return EXIT_STATUS_CHECK_UNKNOWN;
}

/* ---- the reply ---- */

static enum exit_status judge(const struct row *row, char *const *problems)
{
        bool api_works = row_text_is(row, "Api", "ok") || row_text_is(row, "Api", "throttled");

        if (!api_works || row_text(row, "StateError") != NULL || row_flag(row, "StateSlow"))
                return EXIT_STATUS_CHECK_CRITICAL;
        return problems != NULL && *problems != NULL ? EXIT_STATUS_CHECK_WARNING : EXIT_STATUS_SUCCESS;
}

static void print_counts(const struct row *row)
{
        (void)printf(" %" PRIu64 " watched: %" PRIu64 " open, %" PRIu64 " succeeded, %" PRIu64
                     " failed or gone",
                     row_number(row, "Watched"), row_number(row, "Open"), row_number(row, "Succeeded"),
                     row_number(row, "Failed"));
}

/* 'label'=value;warning;critical;minimum;maximum. */
static void print_performance(const struct row *row)
{
        uint64_t limit = row_number(row, "RequestsHourLimit");

        (void)printf(" | jobs_open=%" PRIu64 ";;;0 jobs_failing=%" PRIu64 ";0;;0 deliveries_pending=%" PRIu64
                     ";;;0 deliveries_failed=%" PRIu64 ";0;;0 requests_hour=%" PRIu64 ";;;0",
                     row_number(row, "Open"), row_number(row, "FailingJobs"),
                     row_number(row, "DeliveriesPending"), row_number(row, "DeliveriesFailed"),
                     row_number(row, "RequestsHour"));
        if (limit > 0)
                (void)printf(";%" PRIu64, limit);
        (void)putchar('\n');
}

static enum exit_status report_status(const struct row *row)
{
        const struct value *value = row_value(row, "Problems");
        char *const *problems = value != NULL && value->type == 'a' ? value->texts : NULL;
        enum exit_status status = judge(row, problems);

        begin_line(status);
        for (; problems != NULL && *problems != NULL; problems++)
                print_text(*problems);
        print_counts(row);
        print_performance(row);
        return status;
}

enum exit_status check_status(struct context *context)
{
        CLEANUP(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
        struct client *client = &context->client;
        struct call_failure failure;
        struct row row;

        if (context->output.json != JSON_OFF) {
                print_error("--check and --json exclude each other");
                return EXIT_STATUS_USAGE;
        }
        client_set_deadline(client, REPLY_US);
        if (client_try(client, client_message(client, "GetStatus"), &reply, &failure) < 0) {
                enum exit_status status = report_failure(client, &failure);
                call_failure_clear(&failure);
                return status;
        }
        if (row_read(reply, &row) < 0) {
                begin_line(EXIT_STATUS_CHECK_UNKNOWN);
                (void)puts(" jobwatchd and jobwatchctl are not of the same version");
                return EXIT_STATUS_CHECK_UNKNOWN;
        }
        enum exit_status status = report_status(&row);
        row_clear(&row);
        return status;
}
