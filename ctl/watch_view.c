/* SPDX-License-Identifier: MIT */

/* What `watch` shows. */

#include "ctl/watch_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/table.h"
#include "ctl/times.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/timespan.h"

/* On a narrower terminal, a table has no room. */
#define TABLE_WIDTH 72

/* From here on, bars are longer. */
#define WIDE 120

#define BAR_SHORT 8
#define BAR_LONG  20

/* ---- cells ---- */

static bool is_open(const struct row *row)
{
        return row_text_is(row, "Outcome", "open");
}

static char *format_job(const struct row *row, const char *key, const struct output *output)
{
        const char *name = row_text(row, "Name");

        (void)output;
        return cell_text_of(name != NULL ? name : row_text(row, key));
}

/* Since it was first seen, up to its end. */
static char *format_elapsed(const struct row *row, const char *key, const struct output *output)
{
        const uint64_t first_us = row_number(row, key);
        const bool open = is_open(row);
        const uint64_t until_us = open ? output->now_us : row_number(row, "ChangedUSec");
        char span[TIMESPAN_TEXT_MAX];

        if (first_us == 0 || (!open && until_us <= first_us)) /* it had ended before */
                return NULL;
        const uint64_t elapsed_us = until_us > first_us ? until_us - first_us : 0;
        return format_message("%s", timespan_format_rough(elapsed_us - elapsed_us % USEC_PER_SEC, span));
}

/* "[###-----]  45%" */
static char *format_bar(const struct row *row, const char *key, const struct output *output)
{
        const unsigned width = output->width >= WIDE ? BAR_LONG : BAR_SHORT;
        uint64_t percent = row_number(row, key);
        char bar[BAR_LONG + 1];

        if (row_value(row, key) == NULL)
                return NULL;
        percent = percent < 100 ? percent : 100;
        for (unsigned i = 0; i < width; i++)
                bar[i] = i < percent * width / 100 ? '#' : '-';
        bar[width] = '\0';
        return format_message("[%s] %3" PRIu64 "%%", bar, percent);
}

static const struct column columns[] = {
        { .heading = "ID", .key = "Id", .right = true },
        { .heading = "JOB", .key = "Description", .format = format_job, .cut = 1 },
        { .heading = "STATUS", .key = "Status", .format = format_status, .colour = status_colour, .cut = 1 },
        { .heading = "ELAPSED", .key = "FirstUSec", .format = format_elapsed },
        { .heading = "PROGRESS", .key = "Progress", .format = format_bar },
        { .heading = "LEFT", .key = "LeftUSec", .format = format_left },
        { .heading = "RESULT", .key = "Result", .cut = 2 },
};

static const struct listing jobs = { columns, sizeof(columns) / sizeof(*columns), "job", "jobs" };

/* ---- lines ---- */

/* A line of what is given, cut to the width. The text is freed. */
static void put_line(FILE *stream, const struct output *output, const char *colour, char *text)
{
        const char *shown = text != NULL ? text : "";
        const size_t size = output->width > 0 ? fitting_size(shown, output->width, NULL) : strlen(shown);

        (void)fprintf(stream, "%s%.*s%s\n", colour_begin(output, colour), (int)size, shown,
                      colour_end(output, colour));
        free(text);
}

/* The second is whole. */
static void put_joined(FILE *stream, const struct output *output, const char *colour, const char *first,
                       const char *second)
{
        const unsigned taken = second != NULL ? 4 + (unsigned)strlen(second) : 2;
        const size_t size = first == NULL            ? 0
                            : output->width <= taken ? strlen(first)
                                                     : fitting_size(first, output->width - taken, NULL);

        if (first == NULL && second == NULL)
                return;
        put_line(stream, output, colour,
                 format_message("  %.*s%s%s", (int)size, first != NULL ? first : "",
                                first != NULL && second != NULL ? "  " : "", second != NULL ? second : ""));
}

/* ---- a job on a narrow terminal ---- */

/* Lines of one at most. */
#define CARD_ROWS 4

static void put_card(FILE *stream, const struct output *output, const struct row *row)
{
        char *job = format_job(row, "Description", output), *status = format_status(row, "Status", output);
        char *elapsed = format_elapsed(row, "FirstUSec", output), *bar = format_bar(row, "Progress", output);
        char *left = format_left(row, "LeftUSec", output), *result = cell_text_of(row_text(row, "Result"));

        put_line(stream, output, NULL,
                 format_message("%" PRIu64 " %s", row_number(row, "Id"), job != NULL ? job : "-"));
        put_joined(stream, output, status_colour(row), status != NULL ? status : "-", elapsed);
        put_joined(stream, output, NULL, bar, left);
        put_joined(stream, output, NULL, result != NULL && *result != '\0' ? result : NULL, NULL);
        free(job);
        free(status);
        free(elapsed);
        free(bar);
        free(left);
        free(result);
}

/* ---- the picture ---- */

static size_t count_open(const struct watch_view *view)
{
        size_t count = 0;

        for (size_t i = 0; i < view->rows.count; i++)
                count += is_open(&view->rows.items[i]) ? 1 : 0;
        return count;
}

bool watch_view_has_open(const struct watch_view *view)
{
        return count_open(view) > 0;
}

static void put_heading(FILE *stream, const struct watch_view *view, const struct output *output)
{
        const size_t open = count_open(view);

        if (view->absent)
                put_line(stream, output, "yellow",
                         format_message("jobwatchd is not running: waiting for it"));
        else
                put_line(stream, output, "bold",
                         format_message("%zu open, %zu ended (q: quit)", open, view->rows.count - open));
        (void)fputc('\n', stream);
}

/* The first jobs, those that are open before the others. They are borrowed. */
static size_t choose(const struct watch_view *view, size_t most, struct row *ret_rows)
{
        size_t count = 0;

        for (int open = 1; open >= 0; open--)
                for (size_t i = 0; i < view->rows.count && count < most; i++)
                        if (is_open(&view->rows.items[i]) == (open != 0))
                                ret_rows[count++] = view->rows.items[i];
        return count;
}

char *watch_view_format(const struct watch_view *view, const struct output *output, unsigned rows)
{
        const size_t all = view->rows.count;
        const bool narrow = output->width > 0 && output->width < TABLE_WIDTH;
        const unsigned others = narrow ? 3 : 4; /* two of the heading, one of the table, one for the rest */
        size_t most = rows > others ? rows - others : 1, size;
        char *text = NULL;

        if (narrow)
                most = most > CARD_ROWS ? most / CARD_ROWS : 1;
        if (most > all)
                most = all;
        struct row *chosen = memory_malloc(NULL, (most > 0 ? most : 1) * sizeof(*chosen));
        const struct rows shown = { .items = chosen, .count = choose(view, most, chosen) };
        FILE *stream = memory_need(open_memstream(&text, &size));

        if (output->legend)
                put_heading(stream, view, output);
        for (size_t i = 0; narrow && i < shown.count; i++)
                put_card(stream, output, &shown.items[i]);
        if (!narrow && shown.count > 0)
                listing_write(stream, output, &jobs, &shown);
        if (shown.count < all)
                put_line(stream, output, NULL, format_message("... %zu more", all - shown.count));
        if (fclose(stream) != 0)
                memory_exhausted();
        free(chosen);
        return text;
}
