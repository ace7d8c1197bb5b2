/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

/*
 * Calls of SQLite that fail on request, in the objects a test is linked from. Link the test with
 * fault_sqlite.c and the options in meson.build. A call that fails is not made.
 */

/* The nth call of those that prepare, bind bytes or values, and step from now on fails with `code` (1: the
 * next), and with `stays` all such after it. */
void fault_sqlite_arm(unsigned nth, int code, bool stays);

/* What sqlite3_system_errno() says while armed. */
void fault_sqlite_set_errno(int system_errno);

enum fault_sqlite_column {
        FAULT_SQLITE_TYPE, /* the nth column whose type is asked for is of a type that we never write */
        FAULT_SQLITE_DATA, /* the nth column whose text or bytes are asked for has none, for want of memory */
};

void fault_sqlite_arm_column(enum fault_sqlite_column what, unsigned nth);

/* Calls succeed again. Whether any failed since it was armed. */
bool fault_sqlite_disarm(void);
