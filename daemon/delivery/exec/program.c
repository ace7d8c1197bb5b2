/* SPDX-License-Identifier: MIT */

/*
 * Which program an exec hook runs, and whether it may be run. A program that everyone can modify or replace
 * would run anybody's code with the daemon's credentials, so it is refused. Group write permission is taken
 * as the administrator's intention. The check is made by path before the program is run by the same path;
 * between the two only those can interfere whom the check has found to be trusted.
 */

#include "delivery/exec/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/argv.h"
#include "util/cleanup.h"
#include "util/message.h"

DEFINE_CLEANUP(char *, command_free)

/* ---- interpreters ---- */

/* BINPRM_BUF_SIZE of Linux: what it reads of a file to find out what it is. */
#define HEAD_MAX 256

#define BLANKS " \t"

static int check_interpreter(const char *path, char *line, char **ret_reason)
{
        char *name = line + strspn(line, BLANKS);
        char *end = strchr(name, '\r');

        if (end != NULL && end[1] == '\0')
                return fail_with_message(-ENOEXEC, ret_reason,
                                         "%s has Windows line endings, so its interpreter is not found "
                                         "(sed -i 's/\\r$//' %s)",
                                         path, path);
        name[strcspn(name, BLANKS)] = '\0';
        if (*name == '\0')
                return fail_with_message(-ENOEXEC, ret_reason, "%s names no interpreter after #!", path);
        if (faccessat(AT_FDCWD, name, X_OK, AT_EACCESS) < 0) {
                int r = -errno;
                return fail_with_message(r, ret_reason, "%s: its interpreter %s %s", path, name,
                                         r == -ENOENT ? "does not exist" : "cannot be executed");
        }
        return 0;
}

/*
 * Checks that the kernel can run the executable file `path`: a binary, or a script with a "#!" line whose
 * interpreter exists and can be executed. A file that cannot be read is not judged, nor is a binary of an
 * unknown format.
 *
 * Returns 0; or -ENOEXEC, -ENOENT or -EACCES with *ret_reason (see hook.h).
 */
static int interpreter_check(const char *path, char **ret_reason)
{
        char head[HEAD_MAX + 1];

        CLEANUP(cleanup_descriptor) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return 0; /* the kernel needs no read permission for a binary */
        ssize_t size = pread(fd, head, HEAD_MAX, 0);
        if (size < 0)
                return 0;
        head[size] = '\0';

        if (size >= 4 && memcmp(head, "\177ELF", 4) == 0)
                return 0;
        if (size >= 2 && memcmp(head, "#!", 2) == 0) {
                head[strcspn(head, "\n")] = '\0';
                return check_interpreter(path, head + 2, ret_reason);
        }
        if (size == 0)
                return fail_with_message(-ENOEXEC, ret_reason, "%s is empty", path);
        if (size >= 5 && memcmp(head, "\xef\xbb\xbf#!", 5) == 0)
                return fail_with_message(-ENOEXEC, ret_reason,
                                         "%s begins with a byte order mark, which hides its #! line; save it "
                                         "without one",
                                         path);
        if (memchr(head, '\0', (size_t)size) != NULL) /* a binary: binfmt_misc may have a handler for it */
                return 0;
        return fail_with_message(-ENOEXEC, ret_reason,
                                 "%s is neither a binary nor a script with an interpreter; write one such as "
                                 "#!/bin/sh on its first line",
                                 path);
}

/* Checks each directory on the path, which is absolute. */
static int check_directories(const char *path, char **ret_reason)
{
        CLEANUP(cleanup_free) char *directory = format_message("%s", path);
        struct stat st;

        for (char *slash; (slash = strrchr(directory, '/')) != NULL;) {
                slash[slash == directory] = '\0'; /* the root keeps its slash */
                if (stat(directory, &st) < 0) {
                        int r = -errno;
                        return fail_with_message(r, ret_reason, "cannot access %s: %s", directory,
                                                 strerror(-r));
                }
                if ((st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX))
                        return fail_with_message(-EPERM, ret_reason,
                                                 "%s can be replaced by any user: %s is writable by everyone "
                                                 "(chmod o-w %s)",
                                                 path, directory, directory);
                if (slash == directory)
                        break;
        }
        return 0;
}

static int check_program(const char *path, char **ret_reason)
{
        char target[PATH_MAX];
        struct stat st;
        int r;

        if (path[0] != '/')
                return fail_with_message(-EINVAL, ret_reason, "\"%s\" is not an absolute path", path);
        if (stat(path, &st) < 0 || realpath(path, target) == NULL) {
                r = -errno;
                *ret_reason = r == -ENOENT ? format_message("%s: no such program", path)
                                           : format_message("cannot access %s: %s", path, strerror(-r));
                return r;
        }
        if (!S_ISREG(st.st_mode))
                return fail_with_message(-EACCES, ret_reason, "%s is not a regular file", path);
        if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
                return fail_with_message(-errno, ret_reason, "%s is not executable (chmod a+x %s)", path,
                                         path);
        if (st.st_mode & S_IWOTH)
                return fail_with_message(-EPERM, ret_reason, "%s is writable by everyone (chmod o-w %s)",
                                         path, path);

        r = check_directories(path, ret_reason);
        if (r == 0 && strcmp(path, target) != 0)
                r = check_directories(target, ret_reason);
        if (r == 0)
                r = interpreter_check(path, ret_reason);
        return r;
}

int program_split(const char *target, char ***ret_words, char **ret_reason)
{
        CLEANUP(cleanup_command_free) char **words = NULL;

        *ret_reason = NULL;
        int r = argv_split(target, &words);
        if (r == -EINVAL)
                *ret_reason = format_message("invalid command line: unclosed quote or unknown escape "
                                             "(write \\\\ for a backslash)");
        if (r == 0)
                r = check_program(words[0], ret_reason);
        if (r == 0 && ret_words != NULL)
                *ret_words = STEAL_POINTER(words);
        return r;
}
