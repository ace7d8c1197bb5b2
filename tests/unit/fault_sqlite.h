/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

/*
 * Calls of SQLite that fail on request, in the objects a test is linked from. Link the test with
 * fault_sqlite.c and the options in meson.build. A call that fails is not made.
 */

/*
 * The nth call from now on that prepares, binds bytes or values, or steps fails with `code` (1: the next),
 * and with `stays` all later ones.
 */
void fault_sqlite_arm(unsigned nth, int code, bool stays);

/* The result of sqlite3_system_errno() while armed. */
void fault_sqlite_set_errno(int system_errno);

/* The nth column whose type is read from now on has a type that is never written. */
void fault_sqlite_arm_column(unsigned nth);

/* Calls succeed again. Returns whether one has failed since it was armed. */
bool fault_sqlite_disarm(void);
