/* SPDX-License-Identifier: MIT */

/*
 * The state directory and what lies in it, seen to before SQLite touches anything.
 *
 * SQLite would follow a symbolic link, replay the journal of another program's database, or create a file by
 * the umask of the moment. So the file is looked at here first: whether it is a regular file, and by the
 * first 108 bytes (https://sqlite.org/fileformat.html#the_database_header) whether it is ours.
 * (SQLITE_OPEN_NOFOLLOW does not serve: it refuses a link anywhere in the path, and with DynamicUser= the
 * state directory is one.)
 *
 * The lock is a file of its own, taken with fcntl(): it ends with the process however that ends, and tells
 * the pid of who holds it. Like all such locks it goes when any descriptor of the file is closed in this
 * process, so a process has one store a directory. The file stays behind; removing it would race with the
 * next one to take it.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "state/sqlite/database.h"

#define LOCK_FILE_NAME "jobwatchd.lock"

/* Of the database header. */
#define HEADER_SIZE           108 /* with that of the first page's tree, which is the schema */
#define HEADER_APPLICATION_ID 68
#define HEADER_TREE_TYPE      100
#define HEADER_TREE_CELLS     103 /* two bytes */

#define TREE_TYPE_LEAF 0x0d

static const char header_magic[16] = "SQLite format 3";

static int file_fail(int r, char **ret_message, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

static int file_fail(int r, char **ret_message, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(ret_message, format, arguments) < 0)
                *ret_message = NULL;
        va_end(arguments);
        return r;
}

int state_directory_open(const char *directory, char **ret_message, char **ret_directory)
{
        if (mkdir(directory, 0700) < 0) {
                if (errno != EEXIST)
                        return file_fail(
                                -errno, ret_message,
                                "Cannot make the state directory %s: %s. Make it yourself, or name another "
                                "with --state-dir.",
                                directory, strerror(errno));
        } else if (chmod(directory, 0700) < 0) { /* against a umask that takes bits from the owner */
                return file_fail(-errno, ret_message, "Cannot set the mode of %s: %s.", directory,
                                 strerror(errno));
        }

        char *resolved = realpath(directory, NULL);
        if (resolved == NULL)
                return file_fail(-errno, ret_message,
                                 "Cannot use the state directory %s: %s. Name another with --state-dir.",
                                 directory, strerror(errno));
        *ret_directory = resolved;
        return 0;
}

/* Reads the name of a process, or "another process" if it is unknown. */
static void process_name(pid_t pid, char *ret_name, size_t size)
{
        char path[64], name[64];

        (void)snprintf(ret_name, size, "another process");
        (void)snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
        CLEANUP(cleanup_file) FILE *file = fopen(path, "re");
        if (file == NULL || fgets(name, sizeof(name), file) == NULL)
                return;
        name[strcspn(name, "\n")] = '\0';
        (void)snprintf(ret_name, size, "%s", name);
}

static int lock_held(const char *directory, pid_t pid, char **ret_message)
{
        char name[80];

        if (pid <= 0) /* of another pid namespace */
                return file_fail(-EBUSY, ret_message,
                                 "%s is locked by another process. Use --state-dir for another instance.",
                                 directory);
        process_name(pid, name, sizeof(name));
        return file_fail(-EBUSY, ret_message,
                         "%s is locked by %s (PID %ld). Use --state-dir for another instance.", directory,
                         name, (long)pid);
}

int state_directory_lock(const char *directory, char **ret_message, int *ret_lock)
{
        CLEANUP(cleanup_free) char *path = NULL;
        if (asprintf(&path, "%s/" LOCK_FILE_NAME, directory) < 0) {
                path = NULL;
                return -ENOMEM;
        }

        CLEANUP(cleanup_descriptor)
        int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
        if (lock < 0 || fchmod(lock, 0600) < 0)
                return file_fail(
                        -errno, ret_message,
                        "Cannot open %s: %s. The state directory must be writable by this user; name another "
                        "with --state-dir.",
                        path, strerror(errno));

        /* Who holds it may end between the two questions; then we ask again. */
        for (int attempt = 0; attempt < 100; attempt++) {
                struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
                if (fcntl(lock, F_SETLK, &whole) == 0) {
                        *ret_lock = STEAL_DESCRIPTOR(lock);
                        return 0;
                }
                if (errno != EACCES && errno != EAGAIN)
                        return file_fail(-errno, ret_message, "Cannot lock %s: %s.", path, strerror(errno));

                if (fcntl(lock, F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK)
                        return lock_held(directory, whole.l_pid, ret_message);
        }
        return lock_held(directory, 0, ret_message);
}

/* Whether the file `path``suffix` is there and not empty. */
static bool companion_exists(const char *path, const char *suffix)
{
        char name[PATH_MAX + 16]; /* the path itself has been opened */
        struct stat status;

        (void)snprintf(name, sizeof(name), "%s%s", path, suffix);
        return lstat(name, &status) == 0 && status.st_size > 0;
}

static uint32_t header_number(const unsigned char *header, size_t offset)
{
        return (uint32_t)header[offset] << 24 | (uint32_t)header[offset + 1] << 16 |
               (uint32_t)header[offset + 2] << 8 | header[offset + 3];
}

static int header_check(const char *path, const unsigned char *header, size_t size, char **ret_message,
                        bool *ret_fresh)
{
        static const char advice[] =
                "It was left as it is: move it away, or name another directory with --state-dir";

        if (size < HEADER_SIZE || memcmp(header, header_magic, sizeof(header_magic)) != 0) {
                /*
                 * A power cut while the schema was first written leaves this, and the journal that undoes it.
                 */
                if (companion_exists(path, "-journal")) {
                        *ret_fresh = true;
                        return 0;
                }
                return file_fail(-EUCLEAN, ret_message, "%s is not a database. %s.", path, advice);
        }

        uint32_t application = header_number(header, HEADER_APPLICATION_ID);
        if (application == STATE_APPLICATION_ID) {
                *ret_fresh = false;
                return 0;
        }

        /* No owner and no table in it: a database as empty as an empty file. */
        bool empty = header[HEADER_TREE_TYPE] == TREE_TYPE_LEAF && header[HEADER_TREE_CELLS] == 0 &&
                     header[HEADER_TREE_CELLS + 1] == 0;
        if (application == 0 && empty && !companion_exists(path, "-wal") &&
            !companion_exists(path, "-journal")) {
                *ret_fresh = true;
                return 0;
        }
        return file_fail(-EUCLEAN, ret_message, "%s is the database of another program. %s.", path, advice);
}

static int file_create(const char *directory, const char *path, char **ret_message)
{
        CLEANUP(cleanup_descriptor) int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (file < 0 || fchmod(file, 0600) < 0)
                return file_fail(-errno, ret_message,
                                 "Cannot create %s: %s. The state directory must be writable by this user.",
                                 path, strerror(errno));

        /* Its name must outlast a power cut as its content will. */
        CLEANUP(cleanup_descriptor) int parent = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (parent < 0 || fsync(parent) < 0)
                return file_fail(-errno, ret_message, "Cannot write to %s: %s.", directory, strerror(errno));
        return 0;
}

int state_file_prepare(const char *directory, const char *path, char **ret_message, bool *ret_fresh)
{
        unsigned char header[HEADER_SIZE];
        struct stat status;

        CLEANUP(cleanup_descriptor) int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (file < 0 && errno == ENOENT) {
                *ret_fresh = true;
                return file_create(directory, path, ret_message);
        }
        if (file < 0 && errno == ELOOP)
                return file_fail(
                        -ELOOP, ret_message,
                        "%s is a symbolic link, which is not followed. Put the file itself there, or name "
                        "the directory it lies in with --state-dir.",
                        path);
        if (file < 0 || fstat(file, &status) < 0)
                return file_fail(-errno, ret_message, "Cannot open %s: %s. It must belong to this user.",
                                 path, strerror(errno));
        if (!S_ISREG(status.st_mode))
                return file_fail(
                        S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL, ret_message,
                        "%s is not a regular file. It was left as it is: move it away, or name another "
                        "directory with --state-dir.",
                        path);

        if (status.st_size == 0) {
                *ret_fresh = true;
        } else {
                ssize_t size = pread(file, header, sizeof(header), 0);
                if (size < 0)
                        return file_fail(-errno, ret_message, "Cannot read %s: %s.", path, strerror(errno));
                int r = header_check(path, header, (size_t)size, ret_message, ret_fresh);
                if (r < 0)
                        return r;
        }

        /* It holds secrets. A copy brought back from a backup may be more open than it was. */
        if ((status.st_mode & 07777) != 0600 && fchmod(file, 0600) < 0)
                return file_fail(-errno, ret_message, "Cannot set the mode of %s to 0600: %s.", path,
                                 strerror(errno));
        return 0;
}
