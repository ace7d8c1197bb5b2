/* SPDX-License-Identifier: MIT */

/*
 * Events, the latest last. Those of some jobs are few, and read from the first, for as many jobs at a time as
 * a call may have. Those of all jobs are read backwards in steps, until there are enough or they are old
 * enough.
 */

#include <string.h>

#include "ctl/command.h"
#include "ctl/context.h"
#include "ctl/fetch.h"
#include "ctl/table.h"
#include "util/array.h"
#include "util/memory.h"
#include "util/message.h"

/* Without -n and --since, of all jobs. */
#define DEFAULT_LINES 100

#define STEP 1000

/* ---- the table ---- */

static char *format_job(const struct row *row, const char *key, const struct output *output)
{
        const char *name = row_text(row, "Name"), *description = row_text(row, "Description");

        (void)key;
        (void)output;
        return cell_text_of(name != NULL ? name : description);
}

/* "Queued → Running", or the Status if it is the same. */
static char *format_change(const struct row *row, const char *key, const struct output *output)
{
        const char *before = row_text(row, "StatusBefore"), *status = row_text(row, key);

        (void)output;
        if (before == NULL || status == NULL || strcmp(before, status) == 0)
                return cell_text_of(status);
        char *both = format_message("%s → %s", before, status);
        char *text = cell_text_of(both);
        free(both);
        return text;
}

static const char *event_colour(const struct row *row)
{
        if (row_text_is(row, "Event", "succeeded"))
                return "green";
        if (row_text_is(row, "Event", "failed") || row_text_is(row, "Event", "gone"))
                return "red";
        return row_text_is(row, "Event", "stalled") ? "yellow" : NULL;
}

static const struct column event_columns[] = {
        { .heading = "TIME", .key = "TimeUSec", .format = format_time },
        { .heading = "ID", .key = "Job", .right = true },
        { .heading = "JOB", .format = format_job, .cut = 1 },
        { .heading = "EVENT", .key = "Event", .colour = event_colour },
        { .heading = "STATUS", .key = "Status", .format = format_change },
        { .heading = "RESULT", .key = "Result", .cut = 1 },
};

static const struct listing events = { event_columns, sizeof(event_columns) / sizeof(*event_columns), "event",
                                       "events" };

/* ---- reading ---- */

/* Drops rows at the start that are too old or too many. */
static void keep_wanted(struct rows *rows, const struct arguments *arguments, uint64_t lines)
{
        size_t first = 0;

        while (first < rows->count && row_number(&rows->items[first], "TimeUSec") < arguments->since_us)
                first++;
        if (lines > 0 && rows->count - first > lines)
                first = rows->count - lines;
        if (first == 0)
                return;
        for (size_t i = 0; i < first; i++)
                row_clear(&rows->items[i]);
        rows->count -= first;
        memmove(rows->items, rows->items + first, rows->count * sizeof(*rows->items));
}

static enum exit_status read_forwards(struct context *context, struct rows *rows)
{
        const struct id_list *ids = &context->arguments->ids;
        enum exit_status status;
        size_t done = 0;

        do {
                const struct id_list jobs = ids_of_call(ids, done);
                struct event_page page = { .jobs = &jobs };
                do
                        status = fetch_events(&context->client, &page, rows);
                while (status == EXIT_STATUS_SUCCESS && page.count > 0);
                done += jobs.count;
        } while (status == EXIT_STATUS_SUCCESS && done < ids->count);
        if (ids->count > CALL_IDS_MAX)
                rows_sort(rows, "Sequence");
        return status;
}

/* Puts rows before others; both hold their replies. */
static void prepend(struct rows *rows, struct rows *older)
{
        for (size_t i = 0; i < rows->count; i++) {
                older->items = array_grow(older->items, older->count, sizeof(*older->items));
                older->items[older->count++] = rows->items[i];
        }
        for (size_t i = 0; i < rows->reply_count; i++) {
                older->replies = array_grow(older->replies, older->reply_count, sizeof(*older->replies));
                older->replies[older->reply_count++] = rows->replies[i];
        }
        free(rows->items);
        free(rows->replies);
        *rows = *older;
}

/* The events with the sequences first + 1 to last, which are at most STEP. */
static enum exit_status read_step(struct client *client, uint64_t first, uint64_t last, struct rows *rows,
                                  bool *ret_gap)
{
        struct event_page page = { .after = first };
        enum exit_status status;

        do {
                const bool begins = page.after == first;

                page.limit = last - page.after;
                status = fetch_events(client, &page, rows);
                if (begins)
                        *ret_gap = page.gap;
        } while (status == EXIT_STATUS_SUCCESS && page.count > 0 && page.after < last);
        while (rows->count > 0 && row_number(&rows->items[rows->count - 1], "Sequence") > last)
                row_clear(&rows->items[--rows->count]); /* where some were deleted, later ones come too */
        return status;
}

static enum exit_status read_backwards(struct context *context, uint64_t lines, struct rows *rows)
{
        const uint64_t since_us = context->arguments->since_us;
        struct event_page page = { .after = INT64_MAX, .limit = 1 };
        bool deleted = false; /* what was before */

        enum exit_status status = fetch_events(&context->client, &page, NULL);
        uint64_t last = page.newest;
        while (status == EXIT_STATUS_SUCCESS && last > 0 && !deleted && (lines == 0 || rows->count < lines) &&
               (rows->count == 0 || row_number(&rows->items[0], "TimeUSec") >= since_us)) {
                uint64_t step = lines > 0 && lines - rows->count < STEP ? lines - rows->count : STEP;
                uint64_t first = last > step ? last - step : 0;
                struct rows older = { .items = NULL };
                status = read_step(&context->client, first, last, &older, &deleted);
                deleted = deleted && older.count == 0;
                prepend(rows, &older);
                last = first;
        }
        return status;
}

enum exit_status command_history(struct context *context)
{
        const struct arguments *arguments = context->arguments;
        struct rows rows = { .items = NULL };
        uint64_t lines = arguments->lines;
        enum exit_status status;

        if (arguments->ids.count > 0) {
                status = read_forwards(context, &rows);
        } else {
                if (lines == 0 && (arguments->given & OPTION_SINCE) == 0)
                        lines = DEFAULT_LINES;
                status = read_backwards(context, lines, &rows);
        }
        if (status == EXIT_STATUS_SUCCESS) {
                keep_wanted(&rows, arguments, lines);
                output_page(&context->output);
                listing_print(&context->output, &events, &rows);
        }
        rows_clear(&rows);
        return status;
}
