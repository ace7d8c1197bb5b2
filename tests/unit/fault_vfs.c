/* SPDX-License-Identifier: MIT */

/*
 * A VFS that fails on request. Each of its files is a header followed by the real file; the methods count
 * down, and fail or call the real method.
 */

#include "fault_vfs.h"

#include <errno.h>
#include <sqlite3.h>
#include <stddef.h>

static struct {
        bool armed, stays, reached;
        enum fault_vfs_operation operation;
        enum fault_vfs_failure failure;
        unsigned left;
        int last_errno;
} fault;

static sqlite3_vfs *real_vfs;
static unsigned sync_count;

struct fault_file {
        sqlite3_file base;
        sqlite3_file *real;
};

void fault_vfs_arm(enum fault_vfs_operation operation, enum fault_vfs_failure failure, unsigned nth,
                   bool stays)
{
        fault.operation = operation;
        fault.failure = failure;
        fault.left = nth;
        fault.stays = stays;
        fault.reached = false;
        fault.armed = true;
}

unsigned fault_vfs_sync_count(void)
{
        return sync_count;
}

bool fault_vfs_disarm(void)
{
        fault.armed = false;
        return fault.reached;
}

static bool hit(enum fault_vfs_operation operation)
{
        fault.last_errno = 0;
        if (!fault.armed || operation != fault.operation)
                return false;
        if (fault.left > 0 && --fault.left > 0)
                return false;
        if (fault.reached && !fault.stays)
                return false;
        fault.reached = true;
        fault.last_errno = fault.failure == FAULT_VFS_IO ? EIO : ENOSPC;
        return true;
}

static sqlite3_file *real_of(sqlite3_file *file)
{
        return ((struct fault_file *)file)->real;
}

static int file_close(sqlite3_file *file)
{
        return real_of(file)->pMethods->xClose(real_of(file));
}

static int file_read(sqlite3_file *file, void *data, int size, sqlite3_int64 offset)
{
        if (hit(FAULT_VFS_READ))
                return SQLITE_IOERR_READ;
        return real_of(file)->pMethods->xRead(real_of(file), data, size, offset);
}

static int file_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 offset)
{
        if (hit(FAULT_VFS_WRITE)) {
                if (fault.failure == FAULT_VFS_SHORT)
                        (void)real_of(file)->pMethods->xWrite(real_of(file), data, size / 2, offset);
                return fault.failure == FAULT_VFS_IO ? SQLITE_IOERR_WRITE : SQLITE_FULL;
        }
        return real_of(file)->pMethods->xWrite(real_of(file), data, size, offset);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
        if (hit(FAULT_VFS_TRUNCATE))
                return SQLITE_IOERR_TRUNCATE;
        return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int file_sync(sqlite3_file *file, int flags)
{
        (void)file;
        (void)flags;
        sync_count++;
        return hit(FAULT_VFS_SYNC) ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
        return real_of(file)->pMethods->xFileSize(real_of(file), ret_size);
}

static int file_lock(sqlite3_file *file, int level)
{
        return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int file_unlock(sqlite3_file *file, int level)
{
        return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int file_check_lock(sqlite3_file *file, int *ret_held)
{
        return real_of(file)->pMethods->xCheckReservedLock(real_of(file), ret_held);
}

static int file_control(sqlite3_file *file, int operation, void *argument)
{
        return real_of(file)->pMethods->xFileControl(real_of(file), operation, argument);
}

static int file_sector_size(sqlite3_file *file)
{
        return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int file_characteristics(sqlite3_file *file)
{
        return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static const sqlite3_io_methods methods = {
        .iVersion = 1, /* no shared memory, no mapping */
        .xClose = file_close,
        .xRead = file_read,
        .xWrite = file_write,
        .xTruncate = file_truncate,
        .xSync = file_sync,
        .xFileSize = file_size,
        .xLock = file_lock,
        .xUnlock = file_unlock,
        .xCheckReservedLock = file_check_lock,
        .xFileControl = file_control,
        .xSectorSize = file_sector_size,
        .xDeviceCharacteristics = file_characteristics,
};

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
        struct fault_file *wrapper = (struct fault_file *)file;

        (void)vfs;
        wrapper->base.pMethods = NULL;
        wrapper->real = (sqlite3_file *)(wrapper + 1);
        if (hit(FAULT_VFS_OPEN))
                return SQLITE_CANTOPEN;
        int code = real_vfs->xOpen(real_vfs, name, wrapper->real, flags, ret_flags);
        if (code == SQLITE_OK)
                wrapper->base.pMethods = &methods;
        return code;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_directory)
{
        (void)vfs;
        if (hit(FAULT_VFS_DELETE))
                return SQLITE_IOERR_DELETE;
        return real_vfs->xDelete(real_vfs, name, sync_directory);
}

static int vfs_last_error(sqlite3_vfs *vfs, int size, char *ret_words)
{
        (void)vfs;
        return fault.last_errno != 0 ? fault.last_errno : real_vfs->xGetLastError(real_vfs, size, ret_words);
}

int fault_vfs_register(void)
{
        static sqlite3_vfs vfs;

        real_vfs = sqlite3_vfs_find(NULL);
        if (real_vfs == NULL)
                return SQLITE_ERROR;
        vfs = *real_vfs; /* the other methods accept any VFS */
        vfs.zName = "fault";
        vfs.szOsFile = (int)sizeof(struct fault_file) + real_vfs->szOsFile;
        vfs.xOpen = vfs_open;
        vfs.xDelete = vfs_delete;
        vfs.xGetLastError = vfs_last_error;
        return sqlite3_vfs_register(&vfs, 1);
}
