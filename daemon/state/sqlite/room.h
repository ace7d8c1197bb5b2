/* SPDX-License-Identifier: MIT */
#pragma once

#include "state/sqlite/database.h"

/*
 * Deletes, within the open transaction, what has to go so that `size` more bytes do not exceed max_size.
 * -EDQUOT if they do nevertheless.
 */
int store_make_room(struct store *store, size_t size);

/* After -ENOSPC, without a transaction: deletes old events and gives their pages back to the disk. */
void store_relieve_disk(struct store *store);
