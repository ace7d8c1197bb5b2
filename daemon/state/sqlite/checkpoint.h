/* SPDX-License-Identifier: MIT */
#pragma once

#include "state/sqlite/database.h"

/* Counts the pages of the WAL from now on. SQLite makes no checkpoints of its own. */
void store_wal_watch(struct store *store);

/* Without a transaction: makes a checkpoint if the WAL is so large that it cannot wait for store_tidy(). */
void store_wal_limit(struct store *store);

/* As store_tidy(). */
bool sqlite_tidy(struct store *store);
