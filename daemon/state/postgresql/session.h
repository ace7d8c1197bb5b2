/* SPDX-License-Identifier: MIT */
#pragma once

#include "state/postgresql/connection.h"

/*
 * Connects, unless there is a connection, and does what a connection needs before it is used: the settings of
 * the session, the lock of the instance, and its tables. For the first connection of a store it raises the
 * epoch of the instance; later ones must find it unchanged, or another host has had the state in between:
 * -ESTALE. A transaction cannot be continued over another connection: -EIO.
 *
 *  - a connection pooler or a server that is too old: -EOPNOTSUPP
 *  - the state is in use by another process or host: -EBUSY
 *  - the schema is newer than this program: -EOPNOTSUPP
 *  - a table is missing, or is not as it was made: -EUCLEAN
 *  - the role may not do what is needed: -EACCES
 */
int session_connect(struct postgresql *postgresql);
