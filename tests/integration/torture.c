/* SPDX-License-Identifier: MIT */

/*
 * Linked into a special daemon (jobwatchd-torture), this makes one chosen call fail: an allocation or a
 * system call, by any library. Symbols of the program precede those of libc and of a sanitizer, so it also
 * works in a daemon built with ASan.
 *
 *      TORTURE_CALL=NAME       which function, as named below; "malloc": every allocation
 *      TORTURE_AT=N            its Nth call fails, from 1
 *      TORTURE_STAYS=1         and all after it
 *      TORTURE_ERRNO=NUMBER    with this error
 *      TORTURE_REACHED=FILE    is created when it fails
 *      TORTURE_COUNT=FILE      at the end, a line "NAME CALLS" for each function that was called
 *      TORTURE_TRACE=1         prints to stderr where it fails
 *
 * Calls count from the start of main(). Calls within libc are not intercepted, except allocations.
 */

/* Each function under its own name. */
#undef _FORTIFY_SOURCE
#undef _FILE_OFFSET_BITS

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* A function with fault injection. */
struct point {
        const char *name;
        atomic_uint calls;
        struct point *next;
};

static struct {
        bool armed;
        const char *call;
        unsigned at;
        bool stays;
        bool trace;
        int error;
        const char *reached;
        const char *count;
        _Atomic(struct point *) points; /* the ones that were called */
} torture;

static unsigned number_of(const char *name)
{
        const char *value = getenv(name);

        return value != NULL ? (unsigned)strtoul(value, NULL, 10) : 0;
}

__attribute__((constructor)) static void torture_init(void)
{
        torture.call = getenv("TORTURE_CALL");
        torture.at = number_of("TORTURE_AT");
        torture.stays = number_of("TORTURE_STAYS") > 0;
        torture.trace = number_of("TORTURE_TRACE") > 0;
        torture.error = (int)number_of("TORTURE_ERRNO");
        torture.reached = getenv("TORTURE_REACHED");
        torture.count = getenv("TORTURE_COUNT");
        torture.armed = true;
}

static int file_open(const char *path)
{
        return (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

__attribute__((destructor)) static void torture_end(void)
{
        torture.armed = false;
        if (torture.count == NULL)
                return;
        int file = file_open(torture.count);
        for (struct point *point = torture.points; point != NULL; point = point->next) {
                char line[80];
                int length = snprintf(line, sizeof(line), "%s %u\n", point->name, point->calls);
                (void)syscall(SYS_write, file, line, (size_t)length);
        }
        (void)syscall(SYS_close, file);
}

static void report_event(void)
{
        void *frames[40];

        torture.armed = false;
        if (torture.reached != NULL)
                (void)syscall(SYS_close, file_open(torture.reached));
        if (torture.trace) {
                int count = backtrace(frames, 40);
                backtrace_symbols_fd(frames, count, 2);
        }
        torture.armed = true;
}

/* This thread is in a function of libc that does not check its allocations. */
static _Thread_local bool unchecked;

/* Counts the call. Returns whether it must fail, with errno set. */
static bool fails(struct point *point)
{
        if (!torture.armed || unchecked)
                return false;
        unsigned number = atomic_fetch_add(&point->calls, 1) + 1;
        if (number == 1) {
                point->next = torture.points;
                while (!atomic_compare_exchange_weak(&torture.points, &point->next, point))
                        ;
        }
        if (torture.at == 0 || number < torture.at || (number > torture.at && !torture.stays) ||
            strcmp(point->name, torture.call) != 0)
                return false;
        if (number == torture.at)
                report_event();
        errno = torture.error;
        return true;
}

/* ---- allocations ---- */

static struct point allocation = { .name = "malloc" };

#ifdef SANITIZED
#define REAL_ALLOCATION(name) __interceptor_##name
#else
#define REAL_ALLOCATION(name) __libc_##name
#endif

void *REAL_ALLOCATION(malloc)(size_t size);
void *REAL_ALLOCATION(calloc)(size_t count, size_t size);
void *REAL_ALLOCATION(realloc)(void *pointer, size_t size);

EXPORT void *malloc(size_t size)
{
        return fails(&allocation) ? NULL : REAL_ALLOCATION(malloc)(size);
}

EXPORT void *calloc(size_t count, size_t size)
{
        return fails(&allocation) ? NULL : REAL_ALLOCATION(calloc)(count, size);
}

EXPORT void *realloc(void *pointer, size_t size)
{
        return fails(&allocation) ? NULL : REAL_ALLOCATION(realloc)(pointer, size);
}

EXPORT void *reallocarray(void *pointer, size_t count, size_t size)
{
        size_t product;

        if (__builtin_mul_overflow(count, size, &product)) {
                errno = ENOMEM;
                return NULL;
        }
        return realloc(pointer, product);
}

/* A sanitizer has its own allocation functions. */
EXPORT char *strndup(const char *string, size_t size)
{
        size_t length = strnlen(string, size);
        char *copy = malloc(length + 1);

        if (copy == NULL)
                return NULL;
        memcpy(copy, string, length);
        copy[length] = '\0';
        return copy;
}

EXPORT char *strdup(const char *string)
{
        return strndup(string, strlen(string));
}

/* ---- system calls ---- */

static void *real(void **known, const char *name)
{
        if (*known == NULL)
                *known = dlsym(RTLD_NEXT, name);
        if (*known == NULL)
                abort();
        return *known;
}

#define REAL(name) ((__typeof__(&name))real(&known, #name))

/* A function that is passed through, or fails by returning `failure`. */
#define PASS_OR(failure, type, function, parameters, arguments)                                              \
        EXPORT type function parameters                                                                      \
        {                                                                                                    \
                static struct point point = { .name = #function };                                           \
                static void *known;                                                                          \
                                                                                                             \
                if (fails(&point))                                                                           \
                        return failure;                                                                      \
                return REAL(function) arguments;                                                             \
        }

#define PASS(type, function, parameters, arguments) PASS_OR(-1, type, function, parameters, arguments)

/* The same for functions whose last argument is optional. */
#define PASS_VARIADIC(function, last_type, parameters, last, ...)                                            \
        EXPORT int function parameters                                                                       \
        {                                                                                                    \
                static struct point point = { .name = #function };                                           \
                static void *known;                                                                          \
                va_list arguments;                                                                           \
                                                                                                             \
                va_start(arguments, last);                                                                   \
                last_type optional = va_arg(arguments, last_type);                                           \
                va_end(arguments);                                                                           \
                if (fails(&point))                                                                           \
                        return -1;                                                                           \
                return REAL(function)(__VA_ARGS__, optional);                                                \
        }

PASS_VARIADIC(open, mode_t, (const char *path, int flags, ...), flags, path, flags)
PASS_VARIADIC(open64, mode_t, (const char *path, int flags, ...), flags, path, flags)
PASS_VARIADIC(openat64, mode_t, (int fd, const char *path, int flags, ...), flags, fd, path, flags)
PASS_VARIADIC(fcntl, void *, (int fd, int command, ...), command, fd, command)
PASS_VARIADIC(fcntl64, void *, (int fd, int command, ...), command, fd, command)
PASS_OR(NULL, FILE *, fopen, (const char *path, const char *mode), (path, mode))
PASS_OR(NULL, FILE *, fopen64, (const char *path, const char *mode), (path, mode))
PASS(ssize_t, read, (int fd, void *data, size_t size), (fd, data, size))
PASS(ssize_t, pread, (int fd, void *data, size_t size, off_t at), (fd, data, size, at))
PASS(ssize_t, pread64, (int fd, void *data, size_t size, off64_t at), (fd, data, size, at))
PASS(ssize_t, readv, (int fd, const struct iovec *parts, int count), (fd, parts, count))
PASS(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at))
PASS(ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))
PASS(ssize_t, send, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags))
PASS(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
PASS(ssize_t, recv, (int fd, void *data, size_t size, int flags), (fd, data, size, flags))
PASS(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))
PASS(int, fsync, (int fd), (fd))
PASS(int, fdatasync, (int fd), (fd))
PASS(int, ftruncate64, (int fd, off64_t size), (fd, size))
PASS(int, dup2, (int from, int to), (from, to))
PASS(int, stat, (const char *path, struct stat *status), (path, status))
PASS(int, stat64, (const char *path, struct stat64 *status), (path, status))
PASS(int, lstat, (const char *path, struct stat *status), (path, status))
PASS(int, lstat64, (const char *path, struct stat64 *status), (path, status))
PASS(int, fstat, (int fd, struct stat *status), (fd, status))
PASS(int, fstat64, (int fd, struct stat64 *status), (fd, status))
PASS(int, access, (const char *path, int mode), (path, mode))
PASS(int, chmod, (const char *path, mode_t mode), (path, mode))
PASS(int, fchmod, (int fd, mode_t mode), (fd, mode))
PASS(int, mkdir, (const char *path, mode_t mode), (path, mode))
PASS(int, unlink, (const char *path), (path))
PASS(int, rename, (const char *from, const char *to), (from, to))
PASS_OR(NULL, char *, realpath, (const char *path, char *resolved), (path, resolved))
PASS(int, socket, (int family, int type, int protocol), (family, type, protocol))
PASS(int, socketpair, (int family, int type, int protocol, int ends[2]), (family, type, protocol, ends))
PASS(int, connect, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size))
PASS(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *size),
     (fd, level, name, value, size))
PASS(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t size),
     (fd, level, name, value, size))
PASS(int, getsockname, (int fd, struct sockaddr *address, socklen_t *size), (fd, address, size))
PASS(int, getpeername, (int fd, struct sockaddr *address, socklen_t *size), (fd, address, size))
PASS(int, epoll_create1, (int flags), (flags))
PASS(int, epoll_wait, (int fd, struct epoll_event *events, int room, int timeout_ms),
     (fd, events, room, timeout_ms))
PASS(int, poll, (struct pollfd * interests, nfds_t count, int timeout_ms), (interests, count, timeout_ms))
PASS(int, timerfd_create, (clockid_t clock, int flags), (clock, flags))
PASS(int, timerfd_settime, (int fd, int flags, const struct itimerspec *time, struct itimerspec *before),
     (fd, flags, time, before))
PASS(int, signalfd, (int fd, const sigset_t *signals, int flags), (fd, signals, flags))
PASS(int, pipe2, (int ends[2], int flags), (ends, flags))
PASS_OR(errno, int, posix_spawn,
        (pid_t * ret_pid, const char *path, const posix_spawn_file_actions_t *actions,
         const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[]),
        (ret_pid, path, actions, attributes, arguments, environment))
PASS(int, waitid, (idtype_t type, id_t id, siginfo_t *info, int options), (type, id, info, options))
PASS(int, kill, (pid_t pid, int number), (pid, number))
PASS_OR(MAP_FAILED, void *, mmap, (void *at, size_t size, int protection, int flags, int fd, off_t offset),
        (at, size, protection, flags, fd, offset))
PASS_OR(MAP_FAILED, void *, mmap64,
        (void *at, size_t size, int protection, int flags, int fd, off64_t offset),
        (at, size, protection, flags, fd, offset))
PASS(ssize_t, getrandom, (void *data, size_t size, unsigned flags), (data, size, flags))

/*
 * Of sockets and eventfds that wake another thread, the kernel never reports such errors. A line of the log
 * that is lost on the console is tested elsewhere: here the log shows how far the daemon is.
 */
static bool is_file(int fd)
{
        struct stat status;

        return fd != STDERR_FILENO && syscall(SYS_fstat, fd, &status) == 0 && !S_ISSOCK(status.st_mode) &&
               (status.st_mode & S_IFMT) != 0;
}

EXPORT ssize_t write(int fd, const void *data, size_t size)
{
        static struct point point = { .name = "write" };
        static void *known;

        if (is_file(fd) && fails(&point))
                return -1;
        return REAL(write)(fd, data, size);
}

/* Linux closes the descriptor whatever it returns, so it is out of each epoll set. */
EXPORT int close(int fd)
{
        static struct point point = { .name = "close" };
        static void *known;
        bool failed = fails(&point);
        int error = errno;

        int r = REAL(close)(fd);
        if (!failed)
                return r;
        errno = error;
        return -1;
}

/* To remove a descriptor needs no memory and always succeeds; libsystemd frees the source in any case. */
EXPORT int epoll_ctl(int fd, int operation, int about, struct epoll_event *event)
{
        static struct point point = { .name = "epoll_ctl" };
        static void *known;

        if (operation != EPOLL_CTL_DEL && fails(&point))
                return -1;
        return REAL(epoll_ctl)(fd, operation, about, event);
}

/* The first look-up of a name reads nsswitch.conf, and if memory runs out there, glibc 2.36 uses a null
 * pointer or stops at an assertion (nss_database.c). So the look-up fails as a whole. */
EXPORT struct passwd *getpwnam(const char *name)
{
        static struct point point = { .name = "getpwnam" };
        static void *known;

        if (fails(&point))
                return NULL;
        unchecked = true;
        struct passwd *entry = REAL(getpwnam)(name);
        unchecked = false;
        return entry;
}
