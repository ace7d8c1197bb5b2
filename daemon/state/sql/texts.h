/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "state/sql/engine.h"

/*
 * ResultData, each text of a job stored once: events and jobs refer to it by its digest. A null text has a
 * digest but no row.
 */

/* Stores a text within the open transaction, unless it is already there as a whole. */
int store_text_write(struct store *store, uint64_t job, const struct text *text, struct text_digest digest);

/* Cuts a text that is not null at a character, to at most `max` bytes (0: no limit). */
void store_text_cut(struct text *text, size_t max);

/*
 * Reads a text, which the caller owns. If only its beginning is left, *ret_size is its whole size, else 0.
 * -EUCLEAN if it is damaged or missing.
 */
int store_text_read(struct store *store, uint64_t job, struct text_digest digest, struct text *ret_text,
                    uint64_t *ret_size);

/*
 * Reads at most the first `max` bytes of a text, which the caller owns, without reading the rest of it from
 * the disk. A text that is missing is null.
 */
int store_text_read_head(struct store *store, uint64_t job, struct text_digest digest, size_t max,
                         struct text *ret_text);

/* The same of the text in a row of the table, whatever its size. */
int store_text_read_row(struct store *store, uint64_t row, size_t max, struct text *ret_text);
