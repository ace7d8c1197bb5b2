/* SPDX-License-Identifier: MIT */
#pragma once

#include "state/sqlite/database.h"

/*
 * Deletes, within the open transaction, what has to go so that `size` more bytes do not exceed max_size.
 * -EDQUOT if they do nevertheless.
 */
int state_make_room(struct state *state, size_t size);

/* After -ENOSPC, without a transaction: deletes old events and gives their pages back to the disk. */
void state_relieve_disk(struct state *state);
