/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether a row of a page or a batch is believed without a confirmation, which is a request a row. One for
 * the feed and one for batches, since their rows need not be equally complete. Pure: `now_us` is
 * CLOCK_BOOTTIME in microseconds.
 */
struct row_trust {
        unsigned equal;         /* confirmations in a row whose record was as the row */
        size_t longest;         /* the longest ResultData among them */
        uint64_t not_before_us; /* no row is believed until then, after one that was wrong */
};

#define ROW_TRUST_INITIAL ((struct row_trust){ 0 })

/* A row compared with the record that confirmed it. */
enum row_match {
        ROW_EQUAL, /* in Status, ResultData and UpdatedOn */
        ROW_OLDER, /* the record has another UpdatedOn: it changed since, and the row may have been right */
        ROW_WRONG, /* the same UpdatedOn, or none, and another Status or ResultData */
};

/* A row was confirmed. If it was equal, `result_size` is the size of its ResultData in bytes, 0 for null. */
void row_trust_note(struct row_trust *trust, enum row_match match, size_t result_size, uint64_t now_us);

/*
 * Whether a new row with a ResultData of `result_size` bytes is believed, which a row whose ResultData is
 * null or missing (`has_result` is false) never is. `waiting` is how many confirmations wait, the new rows of
 * this response included.
 */
bool row_trust_believes(const struct row_trust *trust, size_t waiting, bool has_result, size_t result_size,
                        uint64_t now_us);

/* Whether a row that is believed is confirmed all the same, afterwards: one in twenty. `random` is any
 * number. */
bool row_trust_samples(uint64_t random);
