/* SPDX-License-Identifier: MIT */
#pragma once

#include "state/sql/engine.h"

/*
 * Deletes, within the open transaction, what has to go so that `size` more bytes do not exceed max_size.
 * -EDQUOT if they do nevertheless.
 */
int store_make_room(struct store *store, size_t size);
