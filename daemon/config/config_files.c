/* SPDX-License-Identifier: MIT */

/*
 * Finds the files of the configuration and reads each into memory as a whole. Only regular files are read, up
 * to a maximum size: a FIFO would block, and a device might never end.
 */

#include "config/config_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/reading.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/memory.h"
#include "util/message.h"

/* Enough for millions of jobs. */
#define FILE_BYTES_MAX ((size_t)64 << 20)

/* What the path names instead of a regular file; NULL: a regular file. */
static const char *other_kind(mode_t mode)
{
        switch (mode & S_IFMT) {
        case S_IFREG:
                return NULL;
        case S_IFDIR:
                return "a directory";
        case S_IFIFO:
                return "a FIFO";
        case S_IFSOCK:
                return "a socket";
        default:
                return "a device";
        }
}

static void read_file(const struct config_file *file, const char *hint, struct loading *loading)
{
        const struct location location = { file, 0 };
        struct config_problems *problems = loading->problems;
        CLEANUP(cleanup_free) char *data = NULL;
        struct stat status;
        size_t size = 0;

        int r = stat(file->path, &status) < 0 ? -errno : 0;
        const char *kind = r == 0 ? other_kind(status.st_mode) : NULL;
        if (kind != NULL) {
                problems_error(problems, location, "not a regular file but %s; %s", kind, hint);
                return;
        }
        if (r == 0)
                r = file_read(file->path, FILE_BYTES_MAX, &data, &size);
        if (r == -EFBIG) {
                problems_error(problems, location, "not a configuration file: larger than 64 MiB");
                return;
        }
        if (r < 0) {
                problems_error(problems, location, "cannot be read: %s; %s%s", strerror(-r),
                               r == -ENOENT ? "create it, or " : "",
                               r == -EACCES ? "let the user that jobwatchd runs as read it, for instance "
                                              "with chmod a+r"
                                            : hint);
                return;
        }

        if ((status.st_mode & S_IWOTH) != 0)
                problems_warning(problems, location, "the file is world-writable; run chmod o-w on it");
        reading_text(loading, file, data, size);
}

static int is_drop_in(const struct dirent *entry)
{
        const char *suffix = strrchr(entry->d_name, '.');

        return entry->d_name[0] != '.' && suffix != NULL && strcmp(suffix, ".ini") == 0;
}

/* By bytes; the order of alphasort() depends on the locale. */
static int compare_names(const struct dirent **left, const struct dirent **right)
{
        return strcmp((*left)->d_name, (*right)->d_name);
}

static void read_drop_ins(const char *directory, struct loading *loading)
{
        struct dirent **entries = NULL;

        int count = scandir(directory, &entries, is_drop_in, compare_names);
        if (count < 0 && errno == ENOMEM)
                memory_exhausted();
        if (count < 0 && errno != ENOENT) {
                const char *reason = strerror(errno);
                problems_error(loading->problems,
                               ((struct location){ loading_add_file(loading, directory), 0 }),
                               "cannot be listed: %s; make it a directory that this user can "
                               "read, or remove it",
                               reason);
        }
        for (int i = 0; i < count; i++) {
                CLEANUP(cleanup_free)
                char *path = format_message("%s/%s", directory, entries[i]->d_name);
                read_file(loading_add_file(loading, path), "fix or remove it", loading);
                free(entries[i]);
        }
        free(entries);
}

void config_files_read(const char *path, struct loading *loading)
{
        CLEANUP(cleanup_free) char *directory = format_message("%s.d", path);

        read_file(loading->files, "name another configuration file with -c FILE", loading);
        read_drop_ins(directory, loading);
}
