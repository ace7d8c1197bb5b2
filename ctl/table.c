/* SPDX-License-Identifier: MIT */

/*
 * Tables, made by libsmartcols. Every text is escaped before, so that it is valid UTF-8 on one line, and cut:
 * libsmartcols 2.41 cuts a column to the width of its heading although there is room, and 2.38 cuts others.
 */

#include "ctl/table.h"

#include <assert.h>
#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/client.h"
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

/* How wide each column is for its heading and its texts. */
static void measure_columns(const struct output *output, const struct listing *listing, char *const *cells,
                            size_t cell_count, unsigned ret_widths[])
{
        const size_t count = listing->column_count;

        for (size_t i = 0; i < count; i++)
                ret_widths[i] = heading_width(output, &listing->columns[i]);
        for (size_t i = 0; i < cell_count; i++) {
                unsigned width = 0, *widest = &ret_widths[i % count];
                (void)fitting_size(cells[i], UINT_MAX, &width);
                *widest = width > *widest ? width : *widest;
        }
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

/* The texts of all cells, row by row, each owned and cut for the width of the terminal. */
static char **format_cells(const struct output *output, const struct listing *listing,
                           const struct rows *rows)
{
        const size_t count = listing->column_count, cell_count = rows->count * count;
        char **cells = memory_need(calloc(rows->count, count * sizeof(*cells)));
        unsigned widths[COLUMNS_MAX];

        for (size_t i = 0; i < cell_count; i++)
                cells[i] = format_cell(output, &listing->columns[i % count], &rows->items[i / count]);
        if (output->width == 0)
                return cells;
        measure_columns(output, listing, cells, cell_count, widths);
        fit_columns(output, listing, widths);
        for (size_t i = 0; i < cell_count; i++)
                cells[i][fitting_size(cells[i], widths[i % count], NULL)] = '\0';
        return cells;
}

/* As wide as its texts, which fit. */
static struct libscols_table *table_new(FILE *stream, const struct output *output,
                                        const struct listing *listing)
{
        struct libscols_table *table = memory_need(scols_new_table());

        client_need(scols_table_set_stream(table, stream));
        client_need(scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER));
        client_need(scols_table_enable_noheadings(table, !output->legend));
        client_need(scols_table_enable_colors(table, output->colours));
        for (size_t i = 0; i < listing->column_count; i++) {
                const struct column *column = &listing->columns[i];
                (void)memory_need(scols_table_new_column(table, column->heading, 0,
                                                         column->right ? SCOLS_FL_RIGHT : 0));
        }
        return table;
}

/* The table owns the texts then. */
static void add_line(struct libscols_table *table, const struct listing *listing, const struct row *row,
                     char **cells)
{
        struct libscols_line *line = memory_need(scols_table_new_line(table, NULL));

        for (size_t i = 0; i < listing->column_count; i++) {
                const struct column *column = &listing->columns[i];
                const char *colour = column->colour != NULL ? column->colour(row) : NULL;
                client_need(scols_line_refer_data(line, i, cells[i]));
                if (colour != NULL)
                        client_need(scols_cell_set_color(scols_line_get_cell(line, i), colour));
        }
}

void listing_write(FILE *stream, const struct output *output, const struct listing *listing,
                   const struct rows *rows)
{
        assert(listing->column_count > 0 && listing->column_count <= COLUMNS_MAX);
        assert(rows->count > 0);
        char **cells = format_cells(output, listing, rows);
        struct libscols_table *table = table_new(stream, output, listing);

        for (size_t i = 0; i < rows->count; i++)
                add_line(table, listing, &rows->items[i], cells + i * listing->column_count);
        free(cells);
        (void)scols_print_table(table); /* the stream keeps the error */
        scols_unref_table(table);
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
