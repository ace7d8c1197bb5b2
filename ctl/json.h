/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "ctl/row.h"

/*
 * Writes dictionaries as JSON objects with the keys of the bus to standard output, followed by a line feed:
 * one object, or an array. `pretty` indents. Errors of writing are left in the stream.
 */
void json_print_row(const struct row *row, bool pretty);
void json_print_rows(const struct rows *rows, bool pretty);
