/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * INI text, read by inih, with line numbers, and with everything refused that inih would silently read as
 * something else: lines and names it would cut, indentation it would take for a continued value, quotes it
 * would cut at " ;".
 *
 * The form: `[section]`, `key = value` in column 1, lines that begin with white space continue the value of
 * the key above, `#` or `;` begins a comment line, " ;" a comment behind a value.
 */

/* The longest line, without its end; comment lines may be longer. */
#define INI_LINE_BYTES 198
/* The longest section name and key. */
#define INI_NAME_BYTES 49

/* Called in the order of the lines. The strings are valid during the call only. */
struct ini_handlers {
        void (*on_section)(void *userdata, unsigned line, const char *section);
        /*
         * `continuation`: a further line of the value of `key`. Not called for values of a refused section.
         */
        void (*on_value)(void *userdata, unsigned line, const char *key, const char *value,
                         bool continuation);
        /* What is wrong and what to write instead. The line has been left out; reading goes on. */
        void (*on_problem)(void *userdata, unsigned line, const char *message);
};

/* Reads `size` bytes of UTF-8, with or without a byte order mark, LF or CRLF. Returns 0 or -ENOMEM. */
int ini_read(const char *data, size_t size, const struct ini_handlers *handlers, void *userdata);
