/* SPDX-License-Identifier: MIT */
#pragma once

#include "state/postgresql/connection.h"

/*
 * Prepares all statements on a new connection, which shows whether the tables are as they were made. Nothing
 * of a statement is left from the connection before.
 */
int queries_prepare(struct postgresql *postgresql);

/* The statements of an engine: see state/sql/engine.h. */
int query_bind(struct store *store, struct query *query, int index, const struct column *column);
int query_step(struct store *store, struct query *query);
void query_read_column(struct query *query, int index, struct column *ret_column);
void query_release(struct query *query);
int query_read_text(struct store *store, uint64_t row, size_t max, struct text *ret_text);
