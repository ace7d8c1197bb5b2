/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ctl/output.h"
#include "ctl/row.h"

/* Listings: a table of columns describes each. */

struct column {
        const char *heading;
        const char *key; /* whose value is shown; unused with `format` */

        /* The text of a cell, owned; NULL: there is none. NULL instead of a function: the value itself. */
        char *(*format)(const struct row *row, const char *key, const struct output *output);

        const char *(*colour)(const struct row *row); /* "red", "green", "yellow", or NULL; may be NULL */
        bool right;                                   /* numbers are aligned to the right */

        /* To fit the width of the terminal; 0: it is never cut. One of 2 gets half as much room as one of 1.
         */
        unsigned cut;
};

struct listing {
        const struct column *columns;
        size_t column_count;
        const char *noun, *nouns; /* "job", "jobs": what a row is */
};

/*
 * Prints the rows as a table or, if the output wants that, as a JSON array. Without rows, there is only the
 * line that says so, and with JSON an empty array.
 */
void listing_print(struct output *output, const struct listing *listing, const struct rows *rows);

/* Writes the table alone. There is at least one row. */
void listing_write(FILE *stream, const struct output *output, const struct listing *listing,
                   const struct rows *rows);

/* ---- formats of cells ---- */

char *format_ago(const struct row *row, const char *key, const struct output *output);
char *format_time(const struct row *row, const char *key, const struct output *output);
char *format_percent(const struct row *row, const char *key, const struct output *output);
char *format_left(const struct row *row, const char *key, const struct output *output);

/*
 * What is known of a job: its Status, "gone" if its record was removed, and why it cannot be polled. And the
 * colour for that, by its Outcome.
 */
char *format_status(const struct row *row, const char *key, const struct output *output);
const char *status_colour(const struct row *row);
