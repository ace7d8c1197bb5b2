/* SPDX-License-Identifier: MIT */

/*
 * Tables. Every text is escaped before, so that it is valid UTF-8 on one line. All are formatted before
 * the first is written, for the widths of the columns.
 */

#include "ctl/table.h"

#include <assert.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/json.h"
#include "ctl/times.h"
#include "util/memory.h"
#include "util/message.h"

/* ---- cells ---- */

static char *join_texts(char **texts)
{
        char *joined = NULL;

        for (; texts != NULL && *texts != NULL; texts++) {
                char *longer = format_message("%s%s%s", joined != NULL ? joined : "",
                                              joined != NULL ? ", " : "", *texts);
                free(joined);
                joined = longer;
        }
        char *text = cell_text_of(joined);
        free(joined);
        return text;
}

static char *format_value(const struct row *row, const char *key)
{
        const struct value *value = row_value(row, key);

        if (value == NULL)
                return NULL;
        switch (value->type) {
        case 's':
                return cell_text_of(value->text);
        case 'b':
                return format_message("%s", value->number != 0 ? "yes" : "no");
        case 'a':
                return join_texts(value->texts);
        default:
                return format_message("%" PRIu64, value->number);
        }
}

char *format_ago(const struct row *row, const char *key, const struct output *output)
{
        uint64_t time_us = row_number(row, key);

        return time_us > 0 ? time_format_ago(time_us, output->now_us) : NULL;
}

char *format_time(const struct row *row, const char *key, const struct output *output)
{
        uint64_t time_us = row_number(row, key);

        (void)output;
        return time_us > 0 ? time_format(time_us) : NULL;
}

char *format_percent(const struct row *row, const char *key, const struct output *output)
{
        (void)output;
        return row_value(row, key) != NULL ? format_message("%" PRIu64 "%%", row_number(row, key)) : NULL;
}

char *format_left(const struct row *row, const char *key, const struct output *output)
{
        const uint64_t left_us = row_number(row, key);
        const uint64_t passed_us = output->now_us > output->read_us ? output->now_us - output->read_us : 0;

        if (row_value(row, key) == NULL)
                return NULL;
        return time_format_left(left_us > passed_us ? left_us - passed_us : 0);
}

char *format_status(const struct row *row, const char *key, const struct output *output)
{
        const char *status = row_text(row, key);
        const char *aside = row_flag(row, "Removed") ? "removed" : row_text(row, "Failing");

        (void)output;
        if (row_text_is(row, "Outcome", "gone"))
                status = "gone";
        char *text = cell_text_of(status);
        if (aside == NULL)
                return text;
        char *longer = format_message("%s (%s)", text != NULL ? text : "-", aside);
        free(text);
        return longer;
}

const char *status_colour(const struct row *row)
{
        if (row_text_is(row, "Outcome", "success"))
                return "green";
        if (row_text_is(row, "Outcome", "failure") || row_text_is(row, "Outcome", "gone"))
                return "red";
        return row_text(row, "Failing") != NULL || row_flag(row, "Removed") ? "yellow" : NULL;
}

/* The text, owned. */
static char *format_cell(const struct output *output, const struct column *column, const struct row *row)
{
        char *text = column->format != NULL ? column->format(row, column->key, output)
                                            : format_value(row, column->key);

        if (text != NULL && *text != '\0')
                return text;
        free(text);
        return memory_need(strdup("-"));
}

/* ---- the table ---- */

/* No listing has more. */
#define COLUMNS_MAX 16

static unsigned heading_width(const struct output *output, const struct column *column)
{
        return output->legend ? (unsigned)strlen(column->heading) : 1;
}

/* The texts of all cells, row by row, and how wide each column is for them. */
static char **format_cells(const struct output *output, const struct listing *listing,
                           const struct rows *rows, unsigned ret_widths[])
{
        const size_t count = listing->column_count;
        char **cells = memory_need(calloc(rows->count, count * sizeof(*cells)));

        for (size_t i = 0; i < count; i++)
                ret_widths[i] = heading_width(output, &listing->columns[i]);
        for (size_t i = 0; i < rows->count * count; i++) {
                unsigned width = 0, *widest = &ret_widths[i % count];
                cells[i] = format_cell(output, &listing->columns[i % count], &rows->items[i / count]);
                (void)fitting_size(cells[i], UINT_MAX, &width);
                *widest = width > *widest ? width : *widest;
        }
        return cells;
}

/* Of the columns that may be cut, the widest; NULL if each is as its heading. */
static unsigned *widest_to_cut(const struct output *output, const struct listing *listing, unsigned widths[])
{
        unsigned *widest = NULL;
        uint64_t most = 0;

        for (size_t i = 0; i < listing->column_count; i++) {
                const struct column *column = &listing->columns[i];
                const uint64_t weight = (uint64_t)widths[i] * column->cut;
                if (widths[i] > heading_width(output, column) && weight > 0 && weight >= most) {
                        widest = &widths[i];
                        most = weight;
                }
        }
        return widest;
}

/* Cuts columns until a line fits. */
static void fit_columns(const struct output *output, const struct listing *listing, unsigned widths[])
{
        size_t all = listing->column_count - 1; /* the blanks between them */
        unsigned *widest;

        for (size_t i = 0; i < listing->column_count; i++)
                all += widths[i];
        for (; all > output->width && (widest = widest_to_cut(output, listing, widths)) != NULL; all--)
                (*widest)--;
}

/* The text, cut, and blanks up to the next column, if there is one. */
static void write_cell(FILE *stream, const struct output *output, const struct column *column, unsigned width,
                       const char *text, const char *colour, bool last)
{
        unsigned used = 0;
        const int size = (int)fitting_size(text, width, &used);
        const int blanks = (int)(width - used);

        (void)fprintf(stream, "%*s%s%.*s%s", column->right ? blanks : 0, "", colour_begin(output, colour),
                      size, text, colour_end(output, colour));
        if (last)
                (void)fputc('\n', stream);
        else
                (void)fprintf(stream, "%*s", column->right ? 1 : blanks + 1, "");
}

void listing_write(FILE *stream, const struct output *output, const struct listing *listing,
                   const struct rows *rows)
{
        const size_t count = listing->column_count;
        unsigned widths[COLUMNS_MAX];

        assert(count > 0 && count <= COLUMNS_MAX);
        assert(rows->count > 0);
        char **cells = format_cells(output, listing, rows, widths);
        if (output->width > 0)
                fit_columns(output, listing, widths);
        for (size_t i = 0; output->legend && i < count; i++)
                write_cell(stream, output, &listing->columns[i], widths[i], listing->columns[i].heading, NULL,
                           i + 1 == count);
        for (size_t i = 0; i < rows->count * count; i++) {
                const struct column *column = &listing->columns[i % count];
                write_cell(stream, output, column, widths[i % count], cells[i],
                           column->colour != NULL ? column->colour(&rows->items[i / count]) : NULL,
                           i % count + 1 == count);
                free(cells[i]);
        }
        free(cells);
}

void listing_print(struct output *output, const struct listing *listing, const struct rows *rows)
{
        if (output->json != JSON_OFF) {
                json_print_rows(rows, output->json == JSON_PRETTY);
                return;
        }
        if (rows->count > 0)
                listing_write(stdout, output, listing, rows);
        if (output->legend)
                (void)printf("%s%zu %s.\n", rows->count > 0 ? "\n" : "", rows->count,
                             rows->count == 1 ? listing->noun : listing->nouns);
}
