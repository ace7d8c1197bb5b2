/* SPDX-License-Identifier: MIT */

/* System calls that fail on request: see fault_system.h. */

#include "fault_system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static enum fault_system_call armed = FAULT_SYSTEM_CALLS;
static unsigned left;
static int armed_error;
static bool reached;

void fault_system_arm(enum fault_system_call call, unsigned nth, int error)
{
        armed = call;
        left = nth;
        armed_error = error;
        reached = false;
}

bool fault_system_disarm(void)
{
        armed = FAULT_SYSTEM_CALLS;
        return reached;
}

static bool hit(enum fault_system_call call)
{
        if (call != armed)
                return false;
        if (left > 1) {
                left--;
                return false;
        }
        reached = true;
        errno = armed_error;
        return true;
}

/* With large file support the names of some end in 64. */
int __real_chmod(const char *path, mode_t mode);
int __wrap_chmod(const char *path, mode_t mode);
int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);
int __real_fcntl64(int fd, int command, void *argument);
int __wrap_fcntl64(int fd, int command, void *argument);
char *__real_fgets(char *line, int size, FILE *file);
char *__wrap_fgets(char *line, int size, FILE *file);
FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);
int __real_fstat64(int fd, struct stat *status);
int __wrap_fstat64(int fd, struct stat *status);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_open64(const char *path, int flags, mode_t mode);
int __wrap_open64(const char *path, int flags, ...);
int __wrap___open64_2(const char *path, int flags);
ssize_t __wrap___pread64_chk(int fd, void *data, size_t size, off_t offset, size_t room);
ssize_t __real_pread64(int fd, void *data, size_t size, off_t offset);
ssize_t __wrap_pread64(int fd, void *data, size_t size, off_t offset);
char *__real_realpath(const char *path, char *resolved);
char *__wrap_realpath(const char *path, char *resolved);
int __real_stat64(const char *path, struct stat *status);
int __wrap_stat64(const char *path, struct stat *status);

int __wrap_chmod(const char *path, mode_t mode)
{
        return hit(FAULT_CHMOD) ? -1 : __real_chmod(path, mode);
}

int __wrap_fchmod(int fd, mode_t mode)
{
        return hit(FAULT_FCHMOD) ? -1 : __real_fchmod(fd, mode);
}

int __wrap_fcntl64(int fd, int command, void *argument)
{
        return hit(FAULT_FCNTL) || (command == F_SETLK && hit(FAULT_SETLK))
                       ? -1
                       : __real_fcntl64(fd, command, argument);
}

char *__wrap_fgets(char *line, int size, FILE *file)
{
        return hit(FAULT_FGETS) ? NULL : __real_fgets(line, size, file);
}

FILE *__wrap_fopen64(const char *path, const char *mode)
{
        return hit(FAULT_FOPEN) ? NULL : __real_fopen64(path, mode);
}

int __wrap_fstat64(int fd, struct stat *status)
{
        return hit(FAULT_FSTAT) ? -1 : __real_fstat64(fd, status);
}

int __wrap_fsync(int fd)
{
        return hit(FAULT_FSYNC) ? -1 : __real_fsync(fd);
}

int __wrap_open64(const char *path, int flags, ...)
{
        va_list arguments;

        va_start(arguments, flags);
        mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
        va_end(arguments);
        return hit(FAULT_OPEN) ? -1 : __real_open64(path, flags, mode);
}

/* With clang and recent C libraries, the fortified functions have names of their own. */
int __wrap___open64_2(const char *path, int flags)
{
        return __wrap_open64(path, flags);
}

ssize_t __wrap_pread64(int fd, void *data, size_t size, off_t offset)
{
        return hit(FAULT_PREAD) ? -1 : __real_pread64(fd, data, size, offset);
}

ssize_t __wrap___pread64_chk(int fd, void *data, size_t size, off_t offset, size_t room)
{
        return __wrap_pread64(fd, data, size < room ? size : room, offset);
}

char *__wrap_realpath(const char *path, char *resolved)
{
        return hit(FAULT_REALPATH) ? NULL : __real_realpath(path, resolved);
}

int __wrap_stat64(const char *path, struct stat *status)
{
        return hit(FAULT_STAT) ? -1 : __real_stat64(path, status);
}
