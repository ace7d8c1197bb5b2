/* SPDX-License-Identifier: MIT */
#pragma once

#include "state/sqlite/database.h"

/* The statements of an engine: see state/sql/engine.h. */
int sqlite_prepare(struct store *store, enum statement which, struct query **ret_query);
int sqlite_bind_number(struct store *store, struct query *query, int index, int64_t number);
int sqlite_bind_string(struct store *store, struct query *query, int index, const char *data, size_t size);
int sqlite_bind_bytes(struct store *store, struct query *query, int index, const void *data, size_t size);
int sqlite_step(struct store *store, struct query *query);
bool sqlite_has_row(const struct query *query);
void sqlite_read_column(const struct query *query, int index, struct column *ret_column);
void sqlite_release(struct query *query);
uint64_t sqlite_changes(const struct store *store);
uint64_t sqlite_last_id(const struct store *store);
int sqlite_read_text(struct store *store, uint64_t row, size_t max, struct text *ret_text);

/* Frees all statements. */
void store_statements_finalize(struct store *store);
