/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "state/sqlite/database.h"

/*
 * Marks of logged events. An event is unlogged as long as it has a row in the table `unlogged`. Losing a mark
 * costs a repeated log entry only, so marks are kept in memory until the next transaction deletes the rows.
 */

/* Whether the event has a pending mark. */
bool mark_is_pending(const struct store *store, const char *event_id);

/* Adds a mark; fewer than STATE_MARKS_MAX must be pending. The id is shorter than EVENT_ID_SIZE. */
void mark_add(struct store *store, const char *event_id);

/* Deletes the rows of all pending marks within the open transaction. The marks stay pending. */
int marks_write(struct store *store);

/* Forgets the pending marks: their rows have been deleted by a transaction that was committed. */
void marks_clear(struct store *store);
