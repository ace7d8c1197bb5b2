/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"

/* The decoded value of a name in "a=1&b=2", of a query or a form. Returns false when it is not there or is
 * not encoded well; otherwise the value stands in the buffer, terminated, after what the buffer held before
 * is thrown away. */
bool form_find(const char *form, const char *name, struct buffer *value);

/* Undoes percent-encoding in place, and '+' for a blank when asked to. */
void percent_decode(char *text, bool plus);
