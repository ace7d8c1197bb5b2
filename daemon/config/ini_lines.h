/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The lines of an INI file. */

/* The text of a file that is still to be read, and the number of the line before it. *end can be written. */
struct ini_text {
        char *at, *end;
        unsigned number;
};

/*
 * A line without its indentation, blanks at its end and its end, or, as part of a value, the rest of the line
 * after the "=".
 */
struct ini_line {
        const char *text; /* borrowed from the text of the file; NUL-terminated */
        size_t size;      /* up to the end of the line; larger than strlen(text) if there are NUL bytes */
        unsigned number;  /* from 1 */
        bool indented;
        bool adds; /* a value: the key has "+=" */
};

/* Takes the next line and terminates it in the text. False at the end of the text. */
bool ini_line_take(struct ini_text *text, struct ini_line *ret_line);

/* Whether the line is a comment or empty. */
bool ini_line_is_comment(const struct ini_line *line);

/*
 * Checks the characters of a line. Returns NULL, or, for NUL bytes, control characters and invalid UTF-8,
 * what is wrong, which the caller frees.
 */
char *ini_line_check(const struct ini_line *line);
