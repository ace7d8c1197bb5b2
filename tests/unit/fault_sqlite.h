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

enum fault_sqlite_column {
        FAULT_SQLITE_TYPE, /* the nth column whose type is read has a type that is never written */
        FAULT_SQLITE_DATA, /* reading the text or bytes of the nth column fails without memory */
};

void fault_sqlite_arm_column(enum fault_sqlite_column what, unsigned nth);

/* Calls succeed again. Returns whether one has failed since it was armed. */
bool fault_sqlite_disarm(void);
