/* SPDX-License-Identifier: MIT */

/* The reserve: see reserve.h. That it cannot be created is no error; state_disk_is_low() tells. */

#include "state/sqlite/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "util/ownership.h"

#define RESERVE_FILE_NAME "reserve"

/* What must be free to create it: it is not to fill the disk itself. */
#define RESERVE_ROOM (RESERVE_SIZE + RESERVE_SIZE / 2)

/* The reserve is beside the database. */
static void state_directory(const struct state *state, char ret_path[static PATH_MAX])
{
        const char *database = sqlite3_db_filename(state->database, "main");

        (void)snprintf(ret_path, PATH_MAX, "%.*s", (int)(strrchr(database, '/') - database), database);
}

static void reserve_path(const struct state *state, char ret_path[static PATH_MAX])
{
        state_directory(state, ret_path);
        size_t size = strlen(ret_path);
        (void)snprintf(ret_path + size, PATH_MAX - size, "/" RESERVE_FILE_NAME);
}

bool state_disk_has_room(const struct state *state, uint64_t bytes)
{
        struct statvfs status;

        return statvfs(sqlite3_db_filename(state->database, "main"), &status) == 0 &&
               (uint64_t)status.f_bavail * status.f_frsize >= bytes;
}

/* Creates the file anew: one of an earlier run may be incomplete. */
void state_reserve_create(struct state *state)
{
        char path[PATH_MAX], directory[PATH_MAX];

        if (state->has_reserve)
                return;
        state_reserve_release(state);
        if (!state_disk_has_room(state, RESERVE_ROOM))
                return;
        reserve_path(state, path);
        CLEANUP(cleanup_descriptor)
        int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (file < 0)
                return;
        state_directory(state, directory);
        if (fchmod(file, 0600) == 0 && ownership_inherit(file, directory) == 0 &&
            posix_fallocate(file, 0, RESERVE_SIZE) == 0)
                state->has_reserve = true;
        else
                state_reserve_release(state);
}

void state_reserve_release(struct state *state)
{
        char path[PATH_MAX];

        reserve_path(state, path);
        (void)unlink(path);
        state->has_reserve = false;
}

bool state_disk_is_low(const struct state *state)
{
        return !state->has_reserve;
}
