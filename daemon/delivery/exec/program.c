/* SPDX-License-Identifier: MIT */

/*
 * Which program an exec hook runs, and whether it should. What everyone may write to, everyone could have run
 * with the daemon's credentials, so such a program is refused, and so is one that lies in a folder where
 * everyone may put another in its place. A group that may write is taken as the administrator's intention.
 * The check is against negligence: it is made of the path, before the program is run by the same path, and
 * between the two only those can interfere whom it has found to be trusted.
 */

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "delivery/exec/exec_internal.h"
#include "util/argv.h"
#include "util/cleanup.h"
#include "util/reason.h"

DEFINE_CLEANUP(char *, command_free)

/* Looks at each folder on the way to `path`, which is absolute. */
static int check_folders(const char *path, char **ret_reason)
{
        CLEANUP(cleanup_free) char *folder = strdup(path);
        struct stat st;

        if (folder == NULL)
                return -ENOMEM;
        for (char *slash; (slash = strrchr(folder, '/')) != NULL;) {
                slash[slash == folder] = '\0'; /* the root keeps its slash */
                if (stat(folder, &st) < 0) {
                        int r = -errno;
                        *ret_reason = format_message("%s cannot be examined: %s", folder, strerror(-r));
                        return r;
                }
                if ((st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX)) {
                        *ret_reason =
                                format_message("every user of this machine may put another program in the "
                                               "place of %s, since %s may be written by everyone; chmod o-w "
                                               "the folder",
                                               path, folder);
                        return -EPERM;
                }
                if (slash == folder)
                        break;
        }
        return 0;
}

static int check_program(const char *path, char **ret_reason)
{
        char target[PATH_MAX];
        struct stat st;
        int r;

        if (path[0] != '/') {
                *ret_reason =
                        format_message("\"%s\" is no absolute path; write the program's whole path", path);
                return -EINVAL;
        }
        if (stat(path, &st) < 0 || realpath(path, target) == NULL) {
                r = -errno;
                *ret_reason =
                        r == -ENOENT
                                ? format_message("there is no program %s; install it, or mend the path", path)
                                : format_message("%s cannot be examined: %s", path, strerror(-r));
                return r;
        }
        if (!S_ISREG(st.st_mode)) {
                *ret_reason = format_message("%s is no regular file; write the path of a program", path);
                return -EACCES;
        }
        if (access(path, X_OK) < 0) {
                r = -errno;
                *ret_reason = format_message("%s may not be run by this user (%s); chmod a+x it", path,
                                             strerror(-r));
                return r;
        }
        if (st.st_mode & S_IWOTH) {
                *ret_reason =
                        format_message("%s may be written by every user of this machine, and so is not run; "
                                       "chmod o-w it",
                                       path);
                return -EPERM;
        }

        r = check_folders(path, ret_reason);
        if (r == 0 && strcmp(path, target) != 0)
                r = check_folders(target, ret_reason);
        return r;
}

int exec_words(const char *target, char ***ret_words, char **ret_reason)
{
        CLEANUP(cleanup_command_free) char **words = NULL;

        *ret_reason = NULL;
        int r = argv_split(target, &words);
        if (r == -EINVAL)
                *ret_reason = format_message(
                        "the command line cannot be split into words: a quote is not closed, or "
                        "a backslash begins no known escape; write \\\\ for a backslash");
        if (r == 0)
                r = check_program(words[0], ret_reason);
        if (r < 0)
                return r;

        *ret_words = STEAL_POINTER(words);
        return 0;
}

int hook_exec_check(const char *target, char **ret_reason)
{
        CLEANUP(cleanup_command_free) char **words = NULL;

        return exec_words(target, &words, ret_reason);
}
