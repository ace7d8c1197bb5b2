/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Reads INI text with inih and reports line numbers. Lines that inih would misread without an error are
 * refused: long lines and names, indented keys and headers, and quoted text that contains " ;".
 *
 * The format: `[section]` and `key = value` begin in column 1. Indented lines continue the value above. `#`
 * or `;` starts a comment line, and " ;" a comment after a value.
 */

/* The longest line, without its line ending; comment lines may be longer. */
#define INI_LINE_BYTES 198
/* The longest section name and key. */
#define INI_NAME_BYTES 49

/* Called in the order of the lines. The strings are valid only during the call. */
struct ini_handlers {
        void (*on_section)(void *userdata, unsigned line, const char *section);
        /* `continuation`: the line continues the value of `key`. Not called for values of a refused section.
         */
        void (*on_value)(void *userdata, unsigned line, const char *key, const char *value,
                         bool continuation);
        /* The line was refused; `message` says why, and what to write instead. Reading goes on. */
        void (*on_problem)(void *userdata, unsigned line, const char *message);
};

/* Reads `size` bytes of UTF-8, with or without a byte order mark, LF or CRLF. Returns 0 or -ENOMEM. */
int ini_read(const char *data, size_t size, const struct ini_handlers *handlers, void *userdata);
