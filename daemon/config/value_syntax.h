/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/ini_lines.h"

/*
 * How values are written in a file. In each, " ;" begins a comment, and a "#" between blanks is refused,
 * since it probably is meant as one.
 *
 *  - A single value takes no quotes.
 *  - A command has the quotes of ExecStart=; within them, " ;" and "#" are text.
 *  - The items of a list are separated by commas. One that begins with a double quote ends at the next, and
 *    has the escapes \\ \" \a \b \f \n \r \t \v \xHH (two digits) and \NNN (three octal digits). Elsewhere a
 *    quote is an ordinary character.
 */

/*
 * Finds the text on a line of a single value or, with `quote`, of a command. *quote is '\0', or the quote
 * that is open at the start and then at the end of the line. Returns NULL, or a static text: what is wrong
 * and what to write instead.
 */
const char *value_text_read(const struct ini_line *line, char *quote, struct ini_line *ret_text);

/*
 * Reads the next item of a list and advances *at, which is 0 at the start of a line. Returns 1 with an item,
 * which the caller frees; 0 at the end; -EINVAL with a static text as above in *ret_hint; or -ENOMEM.
 */
int list_item_read(const struct ini_line *line, size_t *at, char **ret_item, const char **ret_hint);

/*
 * The text as an item of a list, in quotes, which list_item_read() reads back. All that is not visible is
 * escaped. `data` must not contain NUL. The caller frees it. NULL: no memory.
 */
char *list_item_quote(const char *data, size_t size);

/* Whether the text can be an item without quotes, anywhere on a line. */
bool list_item_is_plain(const char *text);
