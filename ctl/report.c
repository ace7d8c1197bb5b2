/* SPDX-License-Identifier: MIT */

/*
 * Files for others to see: a picture of jobs over time, and a page that has it. The page is made again at
 * each event, and at least once a minute, so that its time tells whether somebody still makes it.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "ctl/chart.h"
#include "ctl/command.h"
#include "ctl/context.h"
#include "ctl/fetch.h"
#include "ctl/page.h"
#include "ctl/svg.h"
#include "ctl/times.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/memory.h"
#include "util/timespan.h"

/* How far back it goes if nothing else was asked for. */
#define PAST_US USEC_PER_DAY

/* The page is made again after this time at the latest. */
#define FOLLOW_US USEC_PER_MIN

/* The pause after a page, at least: the first, and this many times what the page took, which takes long with
 * thousands of jobs; but not more than the last. */
#define PAUSE_MIN_US USEC_PER_SEC
#define PAUSE_FACTOR 9
#define PAUSE_MAX_US (20 * USEC_PER_SEC)

/* ---- writing ---- */

/* A document in memory. */
struct document {
        FILE *file;
        char *data;
        size_t size;
};

static void document_open(struct document *document)
{
        *document = (struct document){ .file = NULL };
        document->file = memory_need(open_memstream(&document->data, &document->size));
}

/* What is no regular file is not replaced by one: it may be a device. */
static int write_data(const char *path, const struct document *document)
{
        struct stat status;

        if (strcmp(path, "-") == 0) {
                (void)fwrite(document->data, 1, document->size, stdout); /* checked at the end */
                return 0;
        }
        if (lstat(path, &status) >= 0 && !S_ISREG(status.st_mode)) {
                print_error("%s is not a regular file, and is not replaced", path);
                return -EINVAL;
        }
        int r = file_replace(path, document->data, document->size, false, true);
        if (r < 0)
                print_error("cannot write %s: %s", path, strerror(-r));
        return r;
}

/* Closes the document and writes it. */
static enum exit_status document_write(struct document *document, const char *path)
{
        if (fclose(document->file) != 0)
                memory_need(NULL);
        int r = write_data(path, document);
        free(document->data);
        return r < 0 ? EXIT_STATUS_IO : EXIT_STATUS_SUCCESS;
}

static enum exit_status need_output(const struct arguments *arguments)
{
        if (arguments->output != NULL)
                return EXIT_STATUS_SUCCESS;
        print_error("--output is missing: the name of the file");
        return EXIT_STATUS_USAGE;
}

/* ---- the picture ---- */

/* All jobs with these IDs are known. */
static enum exit_status check_ids(const struct arguments *arguments, const struct chart *chart)
{
        for (size_t i = 0; i < arguments->ids.count; i++) {
                bool found = chart->left_out > 0;
                for (size_t k = 0; k < chart->count && !found; k++)
                        found = row_number(chart->bars[k].job, "Id") == arguments->ids.ids[i];
                if (!found) {
                        print_error("job %" PRIu64 " is not watched", arguments->ids.ids[i]);
                        return EXIT_STATUS_UNKNOWN;
                }
        }
        return EXIT_STATUS_SUCCESS;
}

enum exit_status command_timeline(struct context *context)
{
        const struct arguments *arguments = context->arguments;
        const bool all = arguments->ids.count == 0, since = (arguments->given & OPTION_SINCE) != 0;
        const uint64_t now_us = realtime_now();
        const uint64_t since_us = !since                         ? (all ? now_us - PAST_US : 0)
                                  : arguments->since_us < now_us ? arguments->since_us
                                                                 : now_us;
        struct follow follow = { .client = &context->client };
        struct chart chart = { .bars = NULL };
        struct document document;

        enum exit_status status = need_output(arguments);
        if (status != EXIT_STATUS_SUCCESS)
                return status;
        int step = chart_update(&chart, &follow, all ? NULL : &arguments->ids, since_us, now_us);
        status = step == STEP_ON ? EXIT_STATUS_SUCCESS : (enum exit_status)step;
        if (status == EXIT_STATUS_SUCCESS && !since)
                status = check_ids(arguments, &chart);
        if (status == EXIT_STATUS_SUCCESS) {
                document_open(&document);
                svg_write(document.file, &chart, SVG_FILE);
                status = document_write(&document, arguments->output);
        }
        chart_clear(&chart);
        return status;
}

/* ---- the page ---- */

struct report {
        const struct arguments *arguments;
        struct follow follow;
        struct chart chart;
        struct row status;     /* of the service, borrows from the reply */
        sd_bus_message *reply; /* owned */
        uint64_t now_us;       /* when it was asked last */
        bool absent;
};

static int ask_status(struct report *report)
{
        sd_bus_message *reply = NULL;
        struct row row;

        int step = follow_call(&report->follow, client_message(report->follow.client, "GetStatus"), &reply);
        if (step != STEP_ON)
                return step;
        if (row_read(reply, &row) < 0) {
                sd_bus_message_unref(reply);
                return (int)client_wrong_reply();
        }
        row_clear(&report->status);
        sd_bus_message_unref(report->reply);
        report->status = row;
        report->reply = reply;
        return STEP_ON;
}

static int update(struct report *report)
{
        const uint64_t now_us = realtime_now();

        report->follow.notified = report->follow.relist = false;
        int step = chart_update(&report->chart, &report->follow, NULL, now_us - PAST_US, now_us);
        if (step == STEP_ON)
                step = ask_status(report);
        if (step == STEP_ON)
                report->now_us = now_us;
        report->absent = step == STEP_ABSENT;
        return step;
}

static enum exit_status write_page(const struct report *report)
{
        const struct value *problems = row_value(&report->status, "Problems");
        const bool follows = (report->arguments->given & OPTION_FOLLOW) != 0;
        const struct page page = {
                .chart = &report->chart,
                .instance = report->arguments->instance,
                .problems =
                        problems != NULL && problems->type == 'a' && !report->absent ? problems->texts : NULL,
                .now_us = report->absent ? realtime_now() : report->now_us,
                .known_us = report->now_us,
                .absent = report->absent,
                .refresh = follows ? (unsigned)(FOLLOW_US / USEC_PER_SEC) : 0,
        };
        struct document document;

        document_open(&document);
        page_write(document.file, &page);
        return document_write(&document, report->arguments->output);
}

/* What happens meanwhile waits on the bus. */
static void pause_after(uint64_t taken_us)
{
        uint64_t pause_us = PAUSE_MAX_US; /* also if the clock was set back */

        if (taken_us < PAUSE_MAX_US / PAUSE_FACTOR)
                pause_us = taken_us * PAUSE_FACTOR > PAUSE_MIN_US ? taken_us * PAUSE_FACTOR : PAUSE_MIN_US;
        (void)nanosleep(&(struct timespec){ .tv_sec = (time_t)(pause_us / USEC_PER_SEC),
                                            .tv_nsec = (long)(pause_us % USEC_PER_SEC * 1000) },
                        NULL);
}

/* An earlier page may be there: it has to say as well that the service is not running. */
static int follow_jobs(struct report *report)
{
        int step = follow_begin(&report->follow);

        report->follow.was_there = true;
        while (step == STEP_ON) {
                const uint64_t begin_us = realtime_now();
                step = update(report);
                if (step != STEP_ON && step != STEP_ABSENT)
                        break;
                enum exit_status written = write_page(report);
                if (written != EXIT_STATUS_SUCCESS)
                        return (int)written;
                if (step == STEP_ABSENT) {
                        step = follow_until_present_at_most(&report->follow, FOLLOW_US);
                        continue;
                }
                pause_after(realtime_now() - begin_us);
                step = follow_wait_at_most(&report->follow, FOLLOW_US);
        }
        return step;
}

enum exit_status command_report(struct context *context)
{
        struct report report = { .arguments = context->arguments, .follow = { .client = &context->client } };
        const bool follows = (context->arguments->given & OPTION_FOLLOW) != 0;

        enum exit_status status = need_output(context->arguments);
        if (status == EXIT_STATUS_SUCCESS && follows && strcmp(context->arguments->output, "-") == 0) {
                print_error("--follow replaces a file: use --output with its name");
                status = EXIT_STATUS_USAGE;
        }
        if (status != EXIT_STATUS_SUCCESS)
                return status;
        int step = follows ? follow_jobs(&report) : update(&report);
        status = step != STEP_ON ? (enum exit_status)step : write_page(&report);
        row_clear(&report.status);
        sd_bus_message_unref(report.reply);
        chart_clear(&report.chart);
        return status;
}
