/* SPDX-License-Identifier: MIT */

/* The reserve: see reserve.h. That it cannot be created is no error; store_disk_is_low() tells. */

#include "state/sqlite/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "util/file.h"

#define RESERVE_FILE_NAME "reserve"

/* What must be free to create it: it is not to fill the disk itself. */
#define RESERVE_ROOM (RESERVE_SIZE + RESERVE_SIZE / 2)

static void reserve_path(const struct store *store, char ret_path[static PATH_MAX])
{
        (void)snprintf(ret_path, PATH_MAX, "%s/" RESERVE_FILE_NAME, sqlite_of(store)->directory);
}

bool store_disk_has_room(const struct store *store, uint64_t bytes)
{
        struct statvfs status;

        return statvfs(sqlite_of(store)->directory, &status) == 0 &&
               (uint64_t)status.f_bavail * status.f_frsize >= bytes;
}

/* Creates the file anew: one of an earlier run may be incomplete. */
void store_reserve_create(struct store *store)
{
        char path[PATH_MAX];

        if (sqlite_of(store)->has_reserve)
                return;
        store_reserve_release(store);
        if (!store_disk_has_room(store, RESERVE_ROOM))
                return;
        reserve_path(store, path);
        CLEANUP(cleanup_descriptor)
        int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (file < 0)
                return;
        if (fchmod(file, 0600) == 0 && ownership_inherit(file, sqlite_of(store)->directory) == 0 &&
            posix_fallocate(file, 0, RESERVE_SIZE) == 0)
                sqlite_of(store)->has_reserve = true;
        else
                store_reserve_release(store);
}

void store_reserve_release(struct store *store)
{
        char path[PATH_MAX];

        reserve_path(store, path);
        (void)unlink(path);
        sqlite_of(store)->has_reserve = false;
}

bool sqlite_disk_is_low(const struct store *store)
{
        return !sqlite_of(store)->has_reserve;
}
