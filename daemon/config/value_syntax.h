/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/text.h"

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
 * that is open at the start and then at the end of the line. Returns NULL with a part of the line, or a
 * static text: what is wrong and what to write instead.
 */
const char *value_text_read(const char *line, char *quote, const char **ret_text, size_t *ret_size);

/*
 * Reads the next item of a list and advances *at, which is 0 at the start of a line. Returns the item, which
 * the caller frees, or NULL; then *ret_hint is NULL at the end of the line, else a static text as above.
 */
char *list_item_read(const char *line, size_t *at, const char **ret_hint);

/*
 * The text as an item of a list, in quotes, which list_item_read() reads back. All that is not visible is
 * escaped. `data` must not contain NUL. The caller frees it.
 */
char *list_item_quote(const char *data, size_t size);

/* Whether the text can be an item without quotes, anywhere on a line. */
bool list_item_is_plain(const char *text);

/*
 * A line for the section [status] that makes every job with this Status count as succeeded: `success += "X"`.
 * It works as it stands, whatever the Status contains. A Status longer than 1000 bytes is matched by its
 * start. `status` must not be null. The caller frees the line.
 */
char *status_line_write(const struct text *status);
