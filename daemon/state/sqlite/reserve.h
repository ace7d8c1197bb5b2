/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "state/sqlite/database.h"

/*
 * The reserve: a file of allocated blocks beside the database. On a full disk SQLite can neither delete nor
 * checkpoint; without the reserve it can.
 */

#define RESERVE_SIZE (8 * 1024 * 1024)

/* Whether so many bytes are free on the disk. */
bool store_disk_has_room(const struct store *store, uint64_t bytes);

/* Creates the reserve if it is missing and the disk has room for it and more. */
void store_reserve_create(struct store *store);

/* Returns its blocks to the disk. */
void store_reserve_release(struct store *store);

/* As store_disk_is_low(): whether there is none. */
bool sqlite_disk_is_low(const struct store *store);
