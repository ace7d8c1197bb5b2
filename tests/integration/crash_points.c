/* SPDX-License-Identifier: MIT */

/*
 * A library for LD_PRELOAD that kills the process at one chosen call among those with an effect outside of
 * it: writes, commits, log lines, requests, started programs, sent signals.
 *
 *      CRASH_AT=N              the Nth such call, from 1; 0: none
 *      CRASH_WHEN=before|after|torn   torn: half of the data of pwrite() or write() is written first
 *      CRASH_CALLS=a,b         the calls that count; default: all listed below
 *      CRASH_LOG=FILE          a line "N NAME" is appended for each counted call
 *
 *      FAIL_WHILE=FILE, FAIL_WITH=ERRNO   while FILE exists, writes of SQLite fail with that errno
 *
 * Calls within libc are not intercepted, so console log lines are intercepted at fprintf(). Programs started
 * by the daemon do not inherit the variables, since it gives them a new environment.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum when {
        WHEN_BEFORE,
        WHEN_AFTER,
        WHEN_TORN,
};

static atomic_uint calls;
static unsigned crash_at;
static enum when crash_when;
static const char *counted; /* NULL: all */
static int log_file = -1;
static const char *fail_while; /* NULL: no failures */
static int fail_with;

__attribute__((constructor)) static void crash_points_init(void)
{
        const char *at = getenv("CRASH_AT"), *when = getenv("CRASH_WHEN"), *path = getenv("CRASH_LOG");

        crash_at = at != NULL ? (unsigned)strtoul(at, NULL, 10) : 0;
        crash_when = when == NULL || strcmp(when, "before") == 0 ? WHEN_BEFORE
                     : strcmp(when, "torn") == 0                 ? WHEN_TORN
                                                                 : WHEN_AFTER;
        counted = getenv("CRASH_CALLS");
        fail_while = getenv("FAIL_WHILE");
        fail_with = getenv("FAIL_WITH") != NULL ? (int)strtoul(getenv("FAIL_WITH"), NULL, 10) : EIO;
        if (path != NULL)
                log_file = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                                        0600);
}

static void crash(void)
{
        (void)syscall(SYS_kill, getpid(), SIGKILL);
        for (;;)
                (void)pause();
}

/* Whether `name` is in the list `counted`. */
static bool is_counted(const char *name)
{
        size_t length = strlen(name);

        if (counted == NULL || *counted == '\0')
                return true;
        for (const char *at = counted; (at = strstr(at, name)) != NULL; at += length)
                if ((at == counted || at[-1] == ',') && (at[length] == ',' || at[length] == '\0'))
                        return true;
        return false;
}

/* Counts the call, and crashes if it is the chosen one with "before". Returns whether it is the chosen one.
 */
static bool enter(const char *name)
{
        char line[64];

        if (!is_counted(name))
                return false;
        unsigned number = atomic_fetch_add(&calls, 1) + 1;
        if (log_file >= 0) {
                int length = snprintf(line, sizeof(line), "%u %s\n", number, name);
                (void)syscall(SYS_write, log_file, line, (size_t)length);
        }
        if (number != crash_at)
                return false;
        if (crash_when == WHEN_BEFORE)
                crash();
        return true;
}

static void leave(bool chosen)
{
        if (chosen)
                crash();
}

/* Whether the disk fails at the moment, with errno set. */
static bool fails(void)
{
        int error = errno;

        if (fail_while == NULL || access(fail_while, F_OK) < 0) {
                errno = error;
                return false;
        }
        errno = fail_with;
        return true;
}

/* The real function of that name. */
#define REAL(name)    ((__typeof__(&name))real(&real_##name, #name))
#define REAL_OF(name) static void *real_##name

static void *real(void **known, const char *name)
{
        if (*known == NULL)
                *known = dlsym(RTLD_NEXT, name);
        if (*known == NULL)
                abort();
        return *known;
}

/* A function that is passed through, with the crash before or after it. */
#define PASS(type, name, parameters, arguments)                                                              \
        REAL_OF(name);                                                                                       \
        __attribute__((visibility("default"))) type name parameters                                          \
        {                                                                                                    \
                bool chosen = enter(#name);                                                                  \
                type result = REAL(name) arguments;                                                          \
                int error = errno;                                                                           \
                leave(chosen);                                                                               \
                errno = error;                                                                               \
                return result;                                                                               \
        }

#define PASS_TO_DISK(type, name, parameters, arguments)                                                      \
        REAL_OF(name);                                                                                       \
        __attribute__((visibility("default"))) type name parameters                                          \
        {                                                                                                    \
                bool chosen = enter(#name);                                                                  \
                type result = fails() ? -1 : REAL(name) arguments;                                           \
                int error = errno;                                                                           \
                leave(chosen);                                                                               \
                errno = error;                                                                               \
                return result;                                                                               \
        }

PASS_TO_DISK(int, fsync, (int fd), (fd))
PASS_TO_DISK(int, fdatasync, (int fd), (fd))
PASS_TO_DISK(int, ftruncate64, (int fd, off64_t size), (fd, size))
PASS(int, unlink, (const char *path), (path))
PASS(int, mkdir, (const char *path, mode_t mode), (path, mode))
PASS(int, rename, (const char *from, const char *to), (from, to))
PASS(int, kill, (pid_t pid, int number), (pid, number))
PASS(int, connect, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size))
PASS(ssize_t, send, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags))
PASS(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
PASS(ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))
PASS(ssize_t, pwritev, (int fd, const struct iovec *parts, int count, off_t at), (fd, parts, count, at))
PASS(int, posix_spawn,
     (pid_t * ret_pid, const char *path, const posix_spawn_file_actions_t *actions,
      const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[]),
     (ret_pid, path, actions, attributes, arguments, environment))

REAL_OF(write);
__attribute__((visibility("default"))) ssize_t write(int fd, const void *data, size_t size)
{
        bool chosen = enter("write");
        ssize_t result = REAL(write)(fd, data, chosen && crash_when == WHEN_TORN ? size / 2 : size);
        int error = errno;

        leave(chosen);
        errno = error;
        return result;
}

REAL_OF(pwrite64);
__attribute__((visibility("default"))) ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
        if (fails())
                return -1;

        bool chosen = enter("pwrite64");
        ssize_t result = REAL(pwrite64)(fd, data, chosen && crash_when == WHEN_TORN ? size / 2 : size, at);
        int error = errno;

        leave(chosen);
        errno = error;
        return result;
}

/* Opening has a persistent effect only if it creates a file. */
REAL_OF(open64);
__attribute__((visibility("default"))) int open64(const char *path, int flags, ...)
{
        mode_t mode = 0;
        va_list arguments;

        if ((flags & O_CREAT) == 0)
                return REAL(open64)(path, flags);
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);

        bool chosen = enter("open64");
        int result = REAL(open64)(path, flags, mode);
        int error = errno;
        leave(chosen);
        errno = error;
        return result;
}

/* Log lines, as compiled without and with _FORTIFY_SOURCE. */
#undef fprintf
__attribute__((visibility("default"), format(printf, 2, 3))) int fprintf(FILE *file, const char *format, ...)
{
        va_list arguments;
        bool chosen = enter("fprintf");

        va_start(arguments, format);
        int result = vfprintf(file, format, arguments);
        va_end(arguments);
        leave(chosen);
        return result;
}

int __fprintf_chk(FILE *file, int flag, const char *format, ...);

__attribute__((visibility("default"), format(printf, 3, 4))) int __fprintf_chk(FILE *file, int flag,
                                                                               const char *format, ...)
{
        va_list arguments;
        bool chosen = enter("fprintf");

        (void)flag;
        va_start(arguments, format);
        int result = vfprintf(file, format, arguments);
        va_end(arguments);
        leave(chosen);
        return result;
}
