/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

/*
 * A VFS for SQLite that calls the default one and fails on request. It has no shared memory, so a state that
 * needs a -shm file does not open on it. It does not sync, since unsynced data is lost only with the machine.
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
        FAULT_VFS_IO,    /* EIO, without effect */
        FAULT_VFS_FULL,  /* ENOSPC, without effect */
        FAULT_VFS_SHORT, /* writes only: ENOSPC after half of the data */
};

/* Makes it the default VFS. Returns an SQLite code. */
int fault_vfs_register(void);

/* The nth such operation from now on fails (1: the next), and with `stays` all such after it. */
void fault_vfs_arm(enum fault_vfs_operation operation, enum fault_vfs_failure failure, unsigned nth,
                   bool stays);

/* How often files were synced. To be called while no other thread uses the VFS. */
unsigned fault_vfs_sync_count(void);

/* Operations succeed again. Returns whether one has failed since it was armed. */
bool fault_vfs_disarm(void);
