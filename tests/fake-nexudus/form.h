/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"

/*
 * Decodes the value of a name in "a=1&b=2", a query or a form. Returns false if it is missing or malformed;
 * otherwise the NUL-terminated value replaces the contents of the buffer.
 */
bool form_find(const char *form, const char *name, struct buffer *value);

/* Decodes percent-encoding in place, and optionally '+' as a blank. */
void percent_decode(char *text, bool plus);
