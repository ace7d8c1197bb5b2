/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Percent-encoding, as forms and URLs have it. */

/* How many bytes percent_encode() may write for a text of `size` bytes. */
#define PERCENT_SIZE(size) (3 * (size))

/*
 * Writes `text` at `at` with everything encoded but letters, digits, "-", ".", "_" and "~", and returns the
 * end of what it wrote. Writes no NUL.
 */
char *percent_encode(char *at, const char *text);

/*
 * Decodes in place and returns the new size; `plus`: "+" is a blank. A "%" that begins no escape stands for
 * itself. The result may hold NUL.
 */
size_t percent_decode(char *data, size_t size, bool plus);

/*
 * The body of a form, "name=value&name=value", both encoded. `fields` ends with a NULL name. malloc()ed, and
 * not terminated: *ret_size bytes, to be wiped if they hold a secret. -ENOMEM.
 */
int form_encode(const char *const fields[][2], char **ret_form, size_t *ret_size);
