/* SPDX-License-Identifier: MIT */
#pragma once

#include "state/postgresql/connection.h"

/*
 * Prepares all statements on a new connection, which shows whether the tables are as they were made. Nothing
 * of a statement is left from the connection before.
 */
int queries_prepare(struct postgresql *postgresql);

/* The statements of an engine: see state/sql/engine.h. */
int query_bind_number(struct store *store, struct query *query, int index, int64_t number);
int query_bind_bytes(struct store *store, struct query *query, int index, const void *data, size_t size);
int query_bind_string(struct store *store, struct query *query, int index, const char *data, size_t size);
int query_step(struct store *store, struct query *query);
bool query_has_row(const struct query *query);
void query_read_column(const struct query *query, int index, struct column *ret_column);
void query_release(struct query *query);
int query_read_text(struct store *store, uint64_t row, size_t max, struct text *ret_text);
