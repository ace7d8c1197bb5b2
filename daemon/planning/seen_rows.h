/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The digests of rows of jobs that are not watched, which the feed showed in this round or the one before: at
 * most SEEN_ROWS_MAX. Beyond that a row is not remembered, and counts as unseen when it is shown again.
 */
#define SEEN_ROWS_MAX 32768

struct seen_row {
        uint64_t digest;
        bool in_round; /* it was shown in this round */
};

struct seen_rows {
        struct seen_row *rows; /* by ascending digest */
        size_t count;
};

#define SEEN_ROWS_EMPTY ((struct seen_rows){ 0 })

/* Forgets all rows. */
void seen_rows_clear(struct seen_rows *seen);

/* Whether the row was shown in this round or the one before. */
bool seen_rows_has(const struct seen_rows *seen, uint64_t digest);

/* The row is shown in this round. */
void seen_rows_note(struct seen_rows *seen, uint64_t digest);

/* The round is complete: rows that were shown only in the one before it are forgotten. */
void seen_rows_end_round(struct seen_rows *seen);
