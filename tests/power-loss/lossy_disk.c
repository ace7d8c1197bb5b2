/* SPDX-License-Identifier: MIT */

/*
 * The functions of libc that change files, for the whole program: SQLite's own handling of files is tried,
 * too. Nothing is really synced, so that the disk does not take time.
 */

/* Each function under its own name. */
#undef _FORTIFY_SOURCE
#undef _FILE_OFFSET_BITS

#include "lossy_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cache.h"

#define EXPORT          __attribute__((visibility("default")))
#define DESCRIPTORS_MAX 1024

static struct {
        pthread_mutex_t lock;  /* a change of a file and its note are one */
        const char *directory; /* NULL: there is no such disk */
        unsigned calls, at;
        bool of_syncs; /* only these calls count */
        bool is_on_disk[DESCRIPTORS_MAX];
} disk = { .lock = PTHREAD_MUTEX_INITIALIZER };

void lossy_disk_begin(const char *directory, const char *saved, unsigned at, bool of_syncs, uint64_t seed)
{
        cache_begin(saved, seed);
        memset(disk.is_on_disk, 0, sizeof(disk.is_on_disk));
        disk.calls = 0;
        disk.at = at;
        disk.of_syncs = of_syncs;
        disk.directory = directory;
}

__attribute__((constructor)) static void begin_by_itself(void)
{
        const char *directory = getenv("POWER_LOSS_DIRECTORY"), *saved = getenv("POWER_LOSS_SAVED");
        const char *at = getenv("POWER_LOSS_AT"), *seed = getenv("POWER_LOSS_SEED");

        if (directory != NULL && saved != NULL && at != NULL && seed != NULL)
                lossy_disk_begin(directory, saved, (unsigned)strtoul(at, NULL, 10),
                                 getenv("POWER_LOSS_SYNCS") != NULL, strtoull(seed, NULL, 10));
}

/* No other thread changes a file any more. */
_Noreturn static void lose(void)
{
        cache_lose(disk.directory);
        (void)syscall(SYS_kill, getpid(), SIGKILL);
        for (;;)
                (void)pause();
}

void lossy_disk_lose(void)
{
        (void)pthread_mutex_lock(&disk.lock);
        lose();
}

static void count_call(bool is_sync)
{
        if ((is_sync || !disk.of_syncs) && ++disk.calls == disk.at)
                lose();
}

/* ---- what is on the disk ---- */

/* The absolute path of what a call is about. */
static bool path_on_disk(int directory, const char *path, char ret_path[static PATH_MAX])
{
        char link[64], parent[PATH_MAX];
        size_t length;

        if (disk.directory == NULL)
                return false;
        if (path[0] == '/') {
                length = (size_t)snprintf(ret_path, PATH_MAX, "%s", path);
        } else {
                (void)snprintf(link, sizeof(link),
                               directory == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", directory);
                ssize_t size = readlink(link, parent, sizeof(parent) - 1);
                if (size < 0)
                        return false;
                parent[size] = '\0';
                length = (size_t)snprintf(ret_path, PATH_MAX, "%s/%s", parent, path);
        }
        size_t root = strlen(disk.directory);
        return length < PATH_MAX && strncmp(ret_path, disk.directory, root) == 0 &&
               (ret_path[root] == '/' || ret_path[root] == '\0');
}

static bool fd_on_disk(int fd)
{
        return disk.directory != NULL && fd >= 0 && fd < DESCRIPTORS_MAX && disk.is_on_disk[fd];
}

/* ---- descriptors ---- */

static int open_on_disk(const char *path, int flags, unsigned mode)
{
        struct stat status;

        (void)pthread_mutex_lock(&disk.lock);
        bool is_new = (flags & O_CREAT) != 0 && lstat(path, &status) < 0;
        int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags & ~O_TRUNC, mode);
        int error = errno;
        if (fd >= DESCRIPTORS_MAX || (fd >= 0 && (flags & O_TRUNC) != 0))
                abort(); /* nothing does */
        if (fd >= 0)
                disk.is_on_disk[fd] = true;
        if (fd >= 0 && is_new) {
                cache_note_made(path);
                count_call(false);
        }
        (void)pthread_mutex_unlock(&disk.lock);
        errno = error;
        return fd;
}

static int open_any(int directory, const char *path, int flags, unsigned mode)
{
        char whole[PATH_MAX];

        if (path_on_disk(directory, path, whole))
                return open_on_disk(whole, flags, mode);
        int fd = (int)syscall(SYS_openat, directory, path, flags, mode);
        if (fd >= 0 && fd < DESCRIPTORS_MAX)
                disk.is_on_disk[fd] = false; /* an earlier one may have been closed within libc */
        return fd;
}

static unsigned mode_of(int flags, va_list arguments)
{
        return (flags & O_CREAT) != 0 ? va_arg(arguments, unsigned) : 0;
}

#define OPEN(name, parameters, directory)                                                                    \
        EXPORT int name parameters                                                                           \
        {                                                                                                    \
                va_list arguments;                                                                           \
                va_start(arguments, flags);                                                                  \
                unsigned mode = mode_of(flags, arguments);                                                   \
                va_end(arguments);                                                                           \
                return open_any(directory, path, flags, mode);                                               \
        }

OPEN(open, (const char *path, int flags, ...), AT_FDCWD)
OPEN(open64, (const char *path, int flags, ...), AT_FDCWD)
OPEN(openat, (int directory, const char *path, int flags, ...), directory)
OPEN(openat64, (int directory, const char *path, int flags, ...), directory)

/* What a program that was compiled with _FORTIFY_SOURCE calls without a mode. */
EXPORT int __open_2(const char *path, int flags);
EXPORT int __open64_2(const char *path, int flags);
EXPORT int __openat_2(int directory, const char *path, int flags);
EXPORT int __openat64_2(int directory, const char *path, int flags);

EXPORT int __open_2(const char *path, int flags)
{
        return open_any(AT_FDCWD, path, flags, 0);
}

EXPORT int __open64_2(const char *path, int flags)
{
        return open_any(AT_FDCWD, path, flags, 0);
}

EXPORT int __openat_2(int directory, const char *path, int flags)
{
        return open_any(directory, path, flags, 0);
}

EXPORT int __openat64_2(int directory, const char *path, int flags)
{
        return open_any(directory, path, flags, 0);
}

EXPORT int close(int fd)
{
        if (fd_on_disk(fd)) {
                (void)pthread_mutex_lock(&disk.lock);
                disk.is_on_disk[fd] = false;
                (void)pthread_mutex_unlock(&disk.lock);
        }
        return (int)syscall(SYS_close, fd);
}

/* ---- contents ---- */

static ssize_t write_at(int fd, const void *data, size_t size, off_t offset)
{
        if (!fd_on_disk(fd))
                return syscall(SYS_pwrite64, fd, data, size, offset);
        (void)pthread_mutex_lock(&disk.lock);
        cache_note_write(fd, data, size, offset);
        if (syscall(SYS_pwrite64, fd, data, size, offset) != (long)size)
                abort();
        count_call(false);
        (void)pthread_mutex_unlock(&disk.lock);
        return (ssize_t)size;
}

static int resize(int fd, off_t size)
{
        if (!fd_on_disk(fd))
                return (int)syscall(SYS_ftruncate, fd, size);
        (void)pthread_mutex_lock(&disk.lock);
        cache_note_size(fd, size);
        if (syscall(SYS_ftruncate, fd, size) < 0)
                abort();
        count_call(false);
        (void)pthread_mutex_unlock(&disk.lock);
        return 0;
}

/* The power may be lost before it takes effect; what it has done is then not said. */
static int sync_on_disk(int fd)
{
        char link[64], path[PATH_MAX];
        struct stat status;

        if (fstat(fd, &status) < 0)
                abort();
        (void)pthread_mutex_lock(&disk.lock);
        count_call(true);
        if (S_ISDIR(status.st_mode)) {
                (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
                ssize_t size = readlink(link, path, sizeof(path) - 1);
                if (size < 0)
                        abort();
                path[size] = '\0';
                cache_sync_directory(path);
        } else {
                cache_sync_file(fd);
        }
        (void)pthread_mutex_unlock(&disk.lock);
        return 0;
}

EXPORT ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
        return write_at(fd, data, size, offset);
}

EXPORT ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
        return write_at(fd, data, size, (off_t)offset);
}

EXPORT ssize_t write(int fd, const void *data, size_t size)
{
        if (fd_on_disk(fd))
                abort(); /* nothing does */
        return syscall(SYS_write, fd, data, size);
}

EXPORT int ftruncate(int fd, off_t size)
{
        return resize(fd, size);
}

EXPORT int ftruncate64(int fd, off64_t size)
{
        return resize(fd, (off_t)size);
}

/* What is allocated has no contents that could be lost. */
EXPORT int posix_fallocate64(int fd, off64_t offset, off64_t size)
{
        if (fd_on_disk(fd))
                return 0;
        return syscall(SYS_fallocate, fd, 0, offset, size) < 0 ? errno : 0;
}

EXPORT int posix_fallocate(int fd, off_t offset, off_t size)
{
        return posix_fallocate64(fd, offset, size);
}

EXPORT int fsync(int fd)
{
        return fd_on_disk(fd) ? sync_on_disk(fd) : (int)syscall(SYS_fsync, fd);
}

EXPORT int fdatasync(int fd)
{
        return fd_on_disk(fd) ? sync_on_disk(fd) : (int)syscall(SYS_fdatasync, fd);
}

/* ---- names ---- */

EXPORT int unlinkat(int directory, const char *path, int flags)
{
        char whole[PATH_MAX];

        if (flags != 0 || !path_on_disk(directory, path, whole))
                return (int)syscall(SYS_unlinkat, directory, path, flags);
        (void)pthread_mutex_lock(&disk.lock);
        int r = cache_remove(whole), error = errno;
        count_call(false);
        (void)pthread_mutex_unlock(&disk.lock);
        errno = error;
        return r;
}

EXPORT int unlink(const char *path)
{
        return unlinkat(AT_FDCWD, path, 0);
}

EXPORT int renameat(int from_directory, const char *from, int to_directory, const char *to)
{
        char whole_from[PATH_MAX], whole_to[PATH_MAX];

        if (!path_on_disk(from_directory, from, whole_from) || !path_on_disk(to_directory, to, whole_to))
                return (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, 0);
        (void)pthread_mutex_lock(&disk.lock);
        int r = cache_rename(whole_from, whole_to), error = errno;
        count_call(false);
        (void)pthread_mutex_unlock(&disk.lock);
        errno = error;
        return r;
}

EXPORT int rename(const char *from, const char *to)
{
        return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

EXPORT int mkdir(const char *path, mode_t mode)
{
        char whole[PATH_MAX];

        if (!path_on_disk(AT_FDCWD, path, whole))
                return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
        (void)pthread_mutex_lock(&disk.lock);
        int r = (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode), error = errno;
        if (r == 0) {
                cache_note_made(whole);
                count_call(false);
        }
        (void)pthread_mutex_unlock(&disk.lock);
        errno = error;
        return r;
}
