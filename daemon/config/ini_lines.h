/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The lines of an INI file. */

/* The text of a file that is still to be read, and the number of the line before it. */
struct ini_text {
        const char *at, *end;
        unsigned number;
};

/*
 * A line without its indentation and its end, or, as part of a value, the rest of the line after the "=". Not
 * NUL-terminated.
 */
struct ini_line {
        const char *text; /* borrowed from the text of the file */
        size_t size;
        unsigned number; /* from 1 */
        bool indented;
        bool adds; /* a value: the key has "+=" */
};

/* Takes the next line. False at the end of the text. */
bool ini_line_take(struct ini_text *text, struct ini_line *ret_line);

/* Whether the line is a comment or empty. */
bool ini_line_is_comment(const struct ini_line *line);

/*
 * Checks the characters of a line. Returns 0, or -EINVAL for NUL bytes, control characters and invalid UTF-8,
 * with what is wrong in *ret_problem, which the caller frees. NULL: no memory.
 */
int ini_line_check(const struct ini_line *line, char **ret_problem);
