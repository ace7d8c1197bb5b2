/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* There is no progress in a text. */
#define PROGRESS_NONE (-1)

/*
 * The progress that a ResultData states, as a percentage from 0 to 100, rounded down; or PROGRESS_NONE. It is
 *
 *     a percentage, if all in the text are the same: "45%", "45.5 %", "percent": 45
 *     or two numbers with names:                     {"done": 260, "total": 400}, "processed=260 rows=400"
 *     or "of" or "/" between them, and one name:     "done: 260 of 400", "260/400 rows"
 *
 * The names are done, processed, completed, finished, imported; and total, rows, records, count. "Rows" and
 * "records" may be part of a name: "totalRows", "rows_processed". Nothing is guessed: other names, fractions
 * instead of two numbers, contradictions, and more done than there is in total are no progress.
 *
 * `text` need not be valid UTF-8. `cut`: it is the beginning of a longer text, and a number at its end is not
 * complete.
 */
int progress_detect(const char *text, size_t size, bool cut);
