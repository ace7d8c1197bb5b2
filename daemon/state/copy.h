/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "state/store.h"

/* Copying a whole state from one store to another, for --copy-state. */

/*
 * As store_open_database(), without a directory for what is of this host. Only for a copy, which leaves that
 * out.
 */
int store_open_database_alone(const struct store_database *database, char **ret_message,
                              struct store **ret_store);

/* A store, and what messages call it. Borrowed. */
struct copy_side {
        struct store *store;
        const char *name;
};

/*
 * Called for each table when the copy is complete: how many rows it has in both stores, and the sum of the
 * 64-bit hashes of all rows, each with all its columns.
 */
typedef void (*copy_handler)(void *userdata, const char *table, uint64_t rows, uint64_t sum);

/*
 * Copies all tables, in one transaction of the target, which has no data before. What is of this host
 * (STORE_HOST_KEY) is neither copied nor counted. Then all rows of the target are read, and their number and
 * their sum compared with those of what was copied. Returns 0 or a negative errno with a *ret_message
 * (malloc()ed), and the target still has no data:
 *  - the target has data: -EEXIST
 *  - the source has none: -ENODATA
 *  - a row of the source has a value of a wrong type, or what was written is not what is read: -EUCLEAN
 *  - an error of one of the stores, as in store.h. If only the end of the transaction failed, the copy may be
 *    complete, since the answer of a server may have been lost.
 */
int store_copy(const struct copy_side *from, const struct copy_side *to, copy_handler handler, void *userdata,
               char **ret_message);
