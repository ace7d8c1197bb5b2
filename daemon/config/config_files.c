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

#include "util/cleanup.h"
#include "util/file.h"
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

static void read_file(const char *path, const char *hint, struct settings *settings,
                      struct diagnostics *diagnostics)
{
        struct config_file *file = diagnostics_note_memory(diagnostics, settings_add_file(settings, path));
        struct location location = { file, 0 };
        struct stat status;
        size_t size = 0;

        if (file == NULL)
                return;
        int r = stat(path, &status) < 0 ? -errno : 0;
        const char *kind = r == 0 ? other_kind(status.st_mode) : NULL;
        if (kind != NULL) {
                diagnostics_error(diagnostics, location, "not a regular file but %s; %s", kind, hint);
                return;
        }
        if (r == 0)
                r = file_read(path, FILE_BYTES_MAX, &file->data, &size);
        if (diagnostics_note(diagnostics, r) == -ENOMEM)
                return;
        if (r == -EFBIG) {
                diagnostics_error(diagnostics, location, "not a configuration file: larger than 64 MiB");
                return;
        }
        if (r < 0) {
                diagnostics_error(diagnostics, location, "cannot be read: %s; %s%s", strerror(-r),
                                  r == -ENOENT ? "create it, or " : "",
                                  r == -EACCES ? "let the user that jobwatchd runs as read it, for instance "
                                                 "with chmod a+r"
                                               : hint);
                return;
        }

        if ((status.st_mode & S_IWOTH) != 0)
                diagnostics_warning(diagnostics, location, "the file is world-writable; run chmod o-w on it");
        settings_read(settings, file, file->data, size, diagnostics);
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

static void read_drop_ins(const char *directory, struct settings *settings, struct diagnostics *diagnostics)
{
        struct dirent **entries = NULL;

        int count = scandir(directory, &entries, is_drop_in, compare_names);
        int error = count < 0 ? errno : 0;
        if (diagnostics_note(diagnostics, -error) != -ENOMEM && error != 0 && error != ENOENT) {
                const struct config_file *file =
                        diagnostics_note_memory(diagnostics, settings_add_file(settings, directory));
                if (file != NULL)
                        diagnostics_error(diagnostics, (struct location){ .file = file },
                                          "cannot be listed: %s; make it a directory that this user can "
                                          "read, or remove it",
                                          strerror(error));
        }

        for (int i = 0; i < count; i++) {
                CLEANUP(cleanup_free)
                char *path = diagnostics_note_memory(diagnostics,
                                                     format_message("%s/%s", directory, entries[i]->d_name));
                if (path != NULL)
                        read_file(path, "fix or remove it", settings, diagnostics);
                free(entries[i]);
        }
        free(entries);
}

void config_files_read(const char *path, struct settings *settings, struct diagnostics *diagnostics)
{
        CLEANUP(cleanup_free)
        char *directory = diagnostics_note_memory(diagnostics, format_message("%s.d", path));

        read_file(path, "name another configuration file with -c FILE", settings, diagnostics);
        if (directory != NULL)
                read_drop_ins(directory, settings, diagnostics);
}
