/* SPDX-License-Identifier: MIT */

/* Whole files, whatever the kernel takes or gives at a time. */

#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"

int file_write(int fd, const char *data, size_t size)
{
        for (size_t done = 0; done < size;) {
                ssize_t n = pwrite(fd, data + done, size - done, (off_t)done);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return -ENOSPC;
                done += (size_t)n;
        }
        return 0;
}

int file_read_into(int fd, char *buffer, size_t capacity, size_t *ret_size)
{
        size_t size = 0;

        while (size < capacity) {
                ssize_t n = read(fd, buffer + size, capacity - size);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                size += (size_t)n;
        }
        *ret_size = size;
        return 0;
}

int file_read(const char *path, size_t size_max, char **ret_data, size_t *ret_size)
{
        CLEANUP(cleanup_descriptor) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        CLEANUP(cleanup_free) char *data = NULL;
        struct stat status;
        size_t size = 0;

        if (fd < 0 || fstat(fd, &status) < 0)
                return -errno;
        if (!S_ISREG(status.st_mode))
                return -EINVAL;
        if (status.st_size > (off_t)size_max)
                return -EFBIG;

        data = memory_need(malloc((size_t)status.st_size + 1));
        int r = file_read_into(fd, data, (size_t)status.st_size, &size);
        if (r < 0)
                return r;
        data[size] = '\0';

        *ret_data = STEAL_POINTER(data);
        *ret_size = size;
        return 0;
}

/* ---- replacing ---- */

/* Of the file that is replaced; its owner as far as that is permitted. */
static int keep_mode(int fd, const char *path)
{
        struct stat before, now;

        if (lstat(path, &before) < 0 || !S_ISREG(before.st_mode))
                return 0;
        if (fstat(fd, &now) < 0)
                return -errno;
        if ((before.st_uid != now.st_uid || before.st_gid != now.st_gid) &&
            fchown(fd, before.st_uid, before.st_gid) < 0 && errno != EPERM)
                return -errno;
        return fchmod(fd, before.st_mode & 0777) < 0 ? -errno : 0;
}

static int write_new(const char *path, const char *temporary, const char *data, size_t size, bool for_all,
                     bool synced)
{
        CLEANUP(cleanup_descriptor)
        int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, for_all ? 0644 : 0666);

        if (fd < 0 || (for_all && fchmod(fd, 0644) < 0)) /* whatever the umask is */
                return -errno;
        int r = for_all ? 0 : keep_mode(fd, path);
        if (r >= 0)
                r = file_write(fd, data, size);
        return r >= 0 && synced && fsync(fd) < 0 ? -errno : r;
}

int file_replace(const char *path, const char *data, size_t size, bool for_all, bool synced)
{
        const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
        CLEANUP(cleanup_free) char *temporary = format_message("%.*s.%s.tmp", (int)(name - path), path, name);

        (void)unlink(temporary); /* of a process that was killed */
        int r = write_new(path, temporary, data, size, for_all, synced);
        if (r >= 0 && rename(temporary, path) < 0)
                r = -errno;
        if (r < 0)
                (void)unlink(temporary);
        return r;
}

/* ---- ownership ---- */

int ownership_give_to_service(const char *directory)
{
        if (geteuid() != 0)
                return 0;

        const struct passwd *user = getpwnam(SERVICE_USER);
        if (user == NULL)
                return 0;
        return lchown(directory, user->pw_uid, user->pw_gid) < 0 ? -errno : 0;
}

int ownership_inherit(int fd, const char *directory)
{
        struct stat parent;

        if (geteuid() != 0)
                return 0;
        if (fstatat(AT_FDCWD, directory, &parent, 0) < 0)
                return -errno;
        if (parent.st_uid == 0 && parent.st_gid == 0)
                return 0;
        return fchown(fd, parent.st_uid, parent.st_gid) < 0 ? -errno : 0;
}
