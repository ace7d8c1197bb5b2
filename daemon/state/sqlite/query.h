/* SPDX-License-Identifier: MIT */
#pragma once

#include "state/sqlite/database.h"

/* The statements of an engine: see state/sql/engine.h. */
int sqlite_prepare(struct store *store, enum statement which, struct query **ret_query);
int sqlite_bind(struct store *store, struct query *query, int index, const struct column *column);
int sqlite_step(struct store *store, struct query *query);
void sqlite_read_column(struct query *query, int index, struct column *ret_column);
void sqlite_release(struct query *query);
int sqlite_read_text(struct store *store, uint64_t row, size_t max, struct text *ret_text);

/* Frees all statements. */
void store_statements_finalize(struct store *store);
