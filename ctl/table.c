/* SPDX-License-Identifier: MIT */

/*
 * Tables, made by libsmartcols. Every text is escaped before, so that it is valid UTF-8 on one line. The
 * width is set here since standard output may be a pipe to the pager already.
 */

#include "ctl/table.h"

#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
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

/* ---- the table ---- */

static struct libscols_table *table_new(const struct output *output, const struct listing *listing)
{
        struct libscols_table *table = memory_need(scols_new_table());

        client_need(scols_table_enable_noheadings(table, !output->legend));
        client_need(scols_table_enable_colors(table, output->colours));
        client_need(scols_table_set_termforce(table, output->width > 0 ? SCOLS_TERMFORCE_ALWAYS
                                                                       : SCOLS_TERMFORCE_NEVER));
        if (output->width > 0)
                client_need(scols_table_set_termwidth(table, output->width));
        for (size_t i = 0; i < listing->column_count; i++) {
                const struct column *column = &listing->columns[i];
                int flags = (column->right ? SCOLS_FL_RIGHT : 0) | (column->cut ? SCOLS_FL_TRUNC : 0);
                /* To a width that it wants, a column is cut before those that want none. */
                const double wanted = column->cut_first ? 0.1 : 0;
                (void)memory_need(scols_table_new_column(table, column->heading, wanted, flags));
        }
        return table;
}

static void add_line(struct libscols_table *table, const struct output *output, const struct listing *listing,
                     const struct row *row)
{
        struct libscols_line *line = memory_need(scols_table_new_line(table, NULL));

        for (size_t i = 0; i < listing->column_count; i++) {
                const struct column *column = &listing->columns[i];
                char *text = column->format != NULL ? column->format(row, column->key, output)
                                                    : format_value(row, column->key);
                if (text == NULL || *text == '\0') {
                        free(text);
                        text = memory_need(strdup("-"));
                }
                client_need(scols_line_refer_data(line, i, text));
                const char *colour = column->colour != NULL && output->colours ? column->colour(row) : NULL;
                if (colour != NULL)
                        client_need(scols_cell_set_color(scols_line_get_cell(line, i), colour));
        }
}

void listing_write(FILE *stream, const struct output *output, const struct listing *listing,
                   const struct rows *rows)
{
        struct libscols_table *table = table_new(output, listing);

        for (size_t i = 0; i < rows->count; i++)
                add_line(table, output, listing, &rows->items[i]);
        client_need(scols_table_set_stream(table, stream));
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
