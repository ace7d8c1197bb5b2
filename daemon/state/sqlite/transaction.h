/* SPDX-License-Identifier: MIT */
#pragma once

#include "state/sqlite/database.h"

/* The transactions of an engine: see state/sql/engine.h. */
int sqlite_begin(struct store *store);
int sqlite_commit(struct store *store);
void sqlite_rollback(struct store *store);
int sqlite_savepoint(struct store *store, enum savepoint savepoint);
bool sqlite_is_full(const struct store *store);
void sqlite_relieve_disk(struct store *store);
