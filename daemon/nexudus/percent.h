/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Percent-encoding, as in forms and URLs. */

/* The most bytes that percent_encode() writes for a text of `size` bytes. */
#define PERCENT_SIZE(size) (3 * (size))

/*
 * Writes `text` to `at`, encoding all but letters, digits, "-", ".", "_" and "~". Returns the end of the
 * output, which is not terminated.
 */
char *percent_encode(char *at, const char *text);

/*
 * Decodes in place and returns the new size; `plus`: "+" is a blank. A "%" without two hexadecimal digits is
 * kept. The result may contain NUL.
 */
size_t percent_decode(char *data, size_t size, bool plus);

/*
 * Formats the body of a form: "name=value&name=value", both encoded. `fields` ends with a NULL name.
 * *ret_form is malloc()ed, has *ret_size bytes and is not terminated; wipe it if it contains a secret.
 * Returns -ENOMEM.
 */
int form_encode(const char *const fields[][2], char **ret_form, size_t *ret_size);
