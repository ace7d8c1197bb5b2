/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

/*
 * A VFS for SQLite that hands everything on to the default one and fails on request. It does without shared
 * memory, so a store that worked only with a -shm file would not open on it, and it does not wait for the
 * disk, since what is not synced is only lost with the machine.
 */

enum fault_vfs_operation {
        FAULT_VFS_OPEN,
        FAULT_VFS_READ,
        FAULT_VFS_WRITE,
        FAULT_VFS_SYNC,
        FAULT_VFS_TRUNCATE,
        FAULT_VFS_DELETE,
};

enum fault_vfs_failure {
        FAULT_VFS_IO,    /* EIO, and nothing was done */
        FAULT_VFS_FULL,  /* ENOSPC, and nothing was done */
        FAULT_VFS_SHORT, /* of a write only: ENOSPC after the first half of it */
};

/* Makes it the default VFS. Returns a code of SQLite. */
int fault_vfs_register(void);

/* The nth such operation from now on fails (1: the next), and with `stays` all such after it. */
void fault_vfs_arm(enum fault_vfs_operation operation, enum fault_vfs_failure failure, unsigned nth,
                   bool stays);

/* Operations succeed again. Whether any failed since it was armed. */
bool fault_vfs_disarm(void);
