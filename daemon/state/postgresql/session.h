/* SPDX-License-Identifier: MIT */
#pragma once

#include "state/postgresql/connection.h"

/* Of -ESTALE. */
#define TAKEN_OVER "another host has taken over"

/* The time of the last transaction: an expression for the row of the instance. */
#define SEEN_US "(extract(epoch FROM seen) * 1000000)::bigint"

/*
 * Connects, unless there is a connection, and does what a connection needs before it is used: the settings of
 * the session, and, unless this host stands by, the lock of the instance, and its tables. For the first such
 * connection of a store it raises the epoch of the instance; later ones must find it unchanged, or another
 * host has had the state in between: -ESTALE. So it is if the last transaction is not the one whose commit
 * was answered last: a replica that was promoted may lack some, and a commit may have had no answer. A
 * transaction cannot be continued over another connection: -EIO.
 *
 *  - a connection pooler or a server that is too old: -EOPNOTSUPP
 *  - the state is in use by another process or host: -EBUSY
 *  - the schema is newer than this program: -EOPNOTSUPP
 *  - a table is missing, or is not as it was made: -EUCLEAN
 *  - the role may not do what is needed: -EACCES
 */
int session_connect(struct postgresql *postgresql);

/*
 * Tries to become active on a host that stands by. Returns 1 if it is active, 0 if another host has the lock,
 * or a negative errno as above.
 */
int session_take_over(struct store *store, unsigned wait_s);

/* See store_ask_for_handover(). */
int session_ask_for_handover(struct store *store);

/* See store_get_active_host(). */
int session_active_host(struct store *store, struct store_active_host *ret_host);
