/* SPDX-License-Identifier: MIT */

/*
 * The state directory and its files, checked before SQLite opens them. Those that root creates belong to the
 * owner of the directory, and SQLite gives its own files to the owner of the database.
 *
 * SQLite would follow a symbolic link, replay the journal of another program's database, or create a file
 * with the mode of the current umask. This file therefore checks that the database is a regular file, and by
 * the first 100 bytes (https://sqlite.org/fileformat.html#the_database_header) that it is ours.
 * (SQLITE_OPEN_NOFOLLOW refuses a link anywhere in the path; with DynamicUser= the state directory is one.)
 *
 * The lock is an fcntl() lock on a file of its own: it ends with the process, and F_GETLK returns the PID of
 * its holder. It is released when any descriptor of the file is closed in this process, so a process must not
 * open a state directory twice. The lock file is not removed, since that would race with another process that
 * locks it.
 */

#include "state/sqlite/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/file.h"
#include "util/message.h"

#define LOCK_FILE_NAME "jobwatchd.lock"

#define HEADER_SIZE           100
#define HEADER_APPLICATION_ID 68

static const char header_magic[16] = "SQLite format 3";

/* The names in a directory survive a power cut. */
static int sync_directory(const char *directory, char **ret_message)
{
        CLEANUP(cleanup_descriptor) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0 || fsync(fd) < 0)
                return fail_with_message(-errno, ret_message, "Cannot write to %s: %s.", directory,
                                         strerror(errno));
        return 0;
}

int state_directory_open(const char *directory, char **ret_message, char **ret_directory)
{
        if (mkdir(directory, 0700) < 0) {
                if (errno != EEXIST)
                        return fail_with_message(
                                -errno, ret_message,
                                "Cannot create state directory %s: %s. Create it, or set another with "
                                "--state-dir.",
                                directory, strerror(errno));
        } else if (chmod(directory, 0700) < 0) { /* the umask may have removed bits of the owner */
                return fail_with_message(-errno, ret_message, "Cannot set the mode of %s: %s.", directory,
                                         strerror(errno));
        } else {
                CLEANUP(cleanup_free) char *parent = format_message("%s/..", directory);
                int r = ownership_give_to_service(directory);
                if (r < 0)
                        return fail_with_message(r, ret_message, "Cannot set the owner of %s: %s.", directory,
                                                 strerror(-r));
                r = sync_directory(parent, ret_message);
                if (r < 0)
                        return r;
        }

        char *resolved = realpath(directory, NULL);
        if (resolved == NULL)
                return fail_with_message(-errno, ret_message,
                                         "Cannot use state directory %s: %s. Set another with --state-dir.",
                                         directory, strerror(errno));
        *ret_directory = resolved;
        return 0;
}

/* The name of a process, or "" if it cannot be read. */
static void process_name(pid_t pid, char *ret_name, size_t size)
{
        char path[64];

        ret_name[0] = '\0';
        (void)snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
        CLEANUP(cleanup_file) FILE *file = fopen(path, "re");
        if (file == NULL || fgets(ret_name, (int)size, file) == NULL)
                ret_name[0] = '\0';
        ret_name[strcspn(ret_name, "\n")] = '\0';
}

static int lock_held(const char *directory, pid_t pid, char **ret_message)
{
        static const char advice[] = "Use --state-dir for another instance.";
        char name[64];

        if (pid <= 0) /* in another PID namespace */
                return fail_with_message(-EBUSY, ret_message, "%s is locked by another process. %s",
                                         directory, advice);
        process_name(pid, name, sizeof(name));
        return fail_with_message(-EBUSY, ret_message, "%s is locked by %s (PID %ld). %s", directory,
                                 name[0] != '\0' ? name : "another process", (long)pid, advice);
}

int state_directory_lock(const char *directory, char **ret_message, int *ret_lock)
{
        CLEANUP(cleanup_free) char *path = format_message("%s/" LOCK_FILE_NAME, directory);
        CLEANUP(cleanup_descriptor)
        int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
        if (lock < 0 || fchmod(lock, 0600) < 0 || ownership_inherit(lock, directory) < 0)
                return fail_with_message(
                        -errno, ret_message,
                        "Cannot open %s: %s. The state directory must be writable by this user. Set another "
                        "with --state-dir.",
                        path, strerror(errno));

        struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        if (fcntl(lock, F_SETLK, &whole) < 0) {
                if (errno != EACCES && errno != EAGAIN)
                        return fail_with_message(-errno, ret_message, "Cannot lock %s: %s.", path,
                                                 strerror(errno));
                /* The holder may end between the two calls. */
                bool is_known = fcntl(lock, F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
                return lock_held(directory, is_known ? whole.l_pid : 0, ret_message);
        }
        *ret_lock = STEAL_DESCRIPTOR(lock);
        return 0;
}

/* Whether there is a journal that may undo what is in the database. */
static bool journal_exists(const char *path)
{
        char name[PATH_MAX + 16]; /* `path` has been opened, so it is shorter than PATH_MAX */
        struct stat status;

        (void)snprintf(name, sizeof(name), "%s-journal", path);
        return lstat(name, &status) == 0 && status.st_size > 0;
}

static int header_check(const char *path, const unsigned char *header, size_t size, char **ret_message)
{
        static const char advice[] =
                "It was not changed. Move it away, or set another directory with --state-dir";

        if (size < HEADER_SIZE || memcmp(header, header_magic, sizeof(header_magic)) != 0) {
                /* A power cut while the schema was first written leaves this, with a journal to undo it. */
                if (journal_exists(path))
                        return 0;
                return fail_with_message(-EUCLEAN, ret_message, "%s is not a database. %s.", path, advice);
        }

        if (memcmp(header + HEADER_APPLICATION_ID, "JOBW", 4) == 0)
                return 0;
        return fail_with_message(-EUCLEAN, ret_message, "%s is the database of another program. %s.", path,
                                 advice);
}

static int file_create(const char *directory, const char *path, char **ret_message)
{
        CLEANUP(cleanup_descriptor) int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (file < 0 || fchmod(file, 0600) < 0 || ownership_inherit(file, directory) < 0)
                return fail_with_message(
                        -errno, ret_message,
                        "Cannot create %s: %s. The state directory must be writable by this user.", path,
                        strerror(errno));

        return sync_directory(directory, ret_message);
}

int state_file_prepare(const char *directory, const char *path, char **ret_message)
{
        unsigned char header[HEADER_SIZE];
        struct stat status;

        CLEANUP(cleanup_descriptor) int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (file < 0 && errno == ENOENT)
                return file_create(directory, path, ret_message);
        if (file < 0 && errno == ELOOP)
                return fail_with_message(
                        -ELOOP, ret_message,
                        "%s is a symbolic link. Replace it with the file, or set the directory of the file "
                        "with --state-dir.",
                        path);
        if (file < 0 || fstat(file, &status) < 0)
                return fail_with_message(-errno, ret_message,
                                         "Cannot open %s: %s. It must belong to this user.", path,
                                         strerror(errno));
        if (!S_ISREG(status.st_mode))
                return fail_with_message(
                        S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL, ret_message,
                        "%s is not a regular file. It was not changed. Move it away, or set another "
                        "directory "
                        "with --state-dir.",
                        path);

        if (status.st_size > 0) {
                ssize_t size = pread(file, header, sizeof(header), 0);
                if (size < 0)
                        return fail_with_message(-errno, ret_message, "Cannot read %s: %s.", path,
                                                 strerror(errno));
                int r = header_check(path, header, (size_t)size, ret_message);
                if (r < 0)
                        return r;
        }

        /* The file contains secrets, and one restored from a backup may have another mode. */
        if ((status.st_mode & 07777) != 0600 && fchmod(file, 0600) < 0)
                return fail_with_message(-errno, ret_message, "Cannot set the mode of %s to 0600: %s.", path,
                                         strerror(errno));
        return 0;
}
