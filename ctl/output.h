/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ctl/exit_status.h"
#include "ctl/row.h"

enum json_form {
        JSON_OFF,
        JSON_SHORT,
        JSON_PRETTY,
};

/* Standard output, as the options and the terminal want it. */
struct output {
        enum json_form json;
        bool legend;      /* headings, and the line with the number of rows */
        bool may_page;    /* --no-pager was not given */
        bool terminal;    /* standard output is, or was before the pager, a terminal */
        bool colours;     /* only on a terminal */
        unsigned width;   /* of the terminal in columns; 0: unlimited */
        pid_t pager;      /* 0: none */
        uint64_t now_us;  /* CLOCK_REALTIME at the start, for "3min ago" */
        uint64_t read_us; /* likewise, when the rows were read: what is left of a span is counted from it */
};

/* Finds out about the terminal. */
void output_init(struct output *output, enum json_form json, bool legend, bool may_page);

/*
 * What may be long follows: on a terminal it goes through the pager. Without one nothing happens.
 */
void output_page(struct output *output);

/*
 * Writes what is buffered and waits until the user has left the pager. Returns `status`, or EXIT_STATUS_IO,
 * with a message, if it is EXIT_STATUS_SUCCESS but something could not be written.
 */
enum exit_status output_finish(struct output *output, enum exit_status status);

/* ---- one object ---- */

/* "  Label: text", with the labels aligned to the right. A text that is NULL is not printed; it is freed. */
struct detail {
        const char *label;
        char *text;
        const char *colour; /* a name as in table.h, or NULL */
};

void details_print(const struct output *output, struct detail details[], size_t count);

/* Begins and ends a colour: "" without colours or if `colour` is NULL. */
const char *colour_begin(const struct output *output, const char *colour);
const char *colour_end(const struct output *output, const char *colour);

/*
 * Copies of a text of the bus on one line, safe on a terminal; NULL for NULL. The first escapes what is not
 * visible. In the cell of a table, it is replaced: white space by a blank, everything else by U+FFFD.
 */
char *text_of(const char *text);
char *cell_text_of(const char *text);

/*
 * How many bytes of a text fit into so many columns of a terminal. The text is one of the above, which has
 * visible characters only, or ASCII. `ret_used`, unless NULL: the columns that they take.
 */
size_t fitting_size(const char *text, unsigned columns, unsigned *ret_used);
