/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

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

/*
 * Reads INI text with inih, with line numbers and lines of any length.
 *
 * The format: `[section]`, `key = value` and `key += value` begin in column 1. Indented lines continue the
 * value above. Lines that begin with `#` or `;` are comments, indented or not; " ;" begins a comment after a
 * section header. What a value means, comments and quotes included, is up to value_syntax.h.
 */

/* The longest section name and key. */
#define INI_NAME_BYTES 49

/* Called in the order of the lines. Names and messages are valid only during the call. */
struct ini_handlers {
        void (*on_section)(void *userdata, unsigned line, const char *section);
        /* `count` is at least 1; the first line is that of the key, the others are indented. Not called in a
         * refused section. */
        void (*on_value)(void *userdata, const char *key, const struct ini_line *lines, size_t count);
        /* The line was refused; `message` says why, and what to write instead. Reading goes on. */
        void (*on_problem)(void *userdata, unsigned line, const char *message);
};

/*
 * Reads `size` bytes of UTF-8, with or without a byte order mark, LF or CRLF. The data is changed; there is
 * room for a NUL after it.
 */
void ini_read(char *data, size_t size, const struct ini_handlers *handlers, void *userdata);
