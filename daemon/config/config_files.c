/* SPDX-License-Identifier: MIT */

/*
 * Which files make up the configuration, and getting them into memory. A file is read as a whole, so that a
 * write in the middle of the reading shows at most once, and up to a bound, since FILE may be anything.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/config_internal.h"
#include "util/cleanup.h"
#include "util/message.h"

/* Room for millions of ids, and an end to what has none. */
#define FILE_BYTES_MAX (64u << 20)

static void warn_if_open_to_all(int descriptor, struct place place, struct report *report)
{
        struct stat status;

        if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & S_IWOTH) != 0)
                report_warning(report, place,
                               "every user of this machine may change the file; run chmod o-w on it");
}

/* The whole of the file; -EFBIG if it is longer than the bound, or an error of reading. */
static int read_all(int descriptor, char **ret_data, size_t *ret_size)
{
        CLEANUP(cleanup_free) char *data = NULL;
        size_t size = 0, capacity = 0;

        for (;;) {
                if (size == capacity) {
                        capacity = capacity == 0 ? 16384 : capacity * 2;
                        char *grown = realloc(data, capacity);
                        if (grown == NULL)
                                return -ENOMEM;
                        data = grown;
                }
                ssize_t count = read(descriptor, data + size, capacity - size);
                if (count < 0 && errno == EINTR)
                        continue;
                if (count < 0)
                        return -errno;
                if (count == 0)
                        break;
                size += (size_t)count;
                if (size > FILE_BYTES_MAX)
                        return -EFBIG;
        }
        *ret_data = STEAL_POINTER(data);
        *ret_size = size;
        return 0;
}

static void read_file(const char *path, const char *cure, struct settings *settings, struct report *report)
{
        CLEANUP(cleanup_free) char *data = NULL;
        size_t size = 0;

        const struct config_file *file = settings_add_file(settings, path);
        if (file == NULL) {
                report_oom(report);
                return;
        }

        struct place place = { file, 0 };
        CLEANUP(cleanup_descriptor) int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        int r = descriptor < 0 ? -errno : read_all(descriptor, &data, &size);
        if (r == -ENOMEM)
                report_oom(report);
        else if (r == -EFBIG)
                report_error(report, place,
                             "larger than 64M, so this is no configuration file; name another");
        else if (r < 0)
                report_error(report, place, "cannot be read: %s; %s", strerror(-r), cure);
        if (r < 0)
                return;

        warn_if_open_to_all(descriptor, place, report);
        settings_read(settings, file, data, size, report);
}

static int is_drop_in(const struct dirent *entry)
{
        const char *suffix = strrchr(entry->d_name, '.');

        return entry->d_name[0] != '.' && suffix != NULL && strcmp(suffix, ".ini") == 0;
}

/* By bytes: alphasort() would ask the locale. */
static int compare_names(const struct dirent **left, const struct dirent **right)
{
        return strcmp((*left)->d_name, (*right)->d_name);
}

static void read_drop_ins(const char *directory, struct settings *settings, struct report *report)
{
        struct dirent **entries = NULL;

        int count = scandir(directory, &entries, is_drop_in, compare_names);
        if (count < 0 && errno == ENOMEM)
                report_oom(report);
        else if (count < 0 && errno != ENOENT) {
                int error = errno;
                const struct config_file *file = settings_add_file(settings, directory);
                if (file == NULL)
                        report_oom(report);
                else
                        report_error(
                                report, (struct place){ file, 0 },
                                "cannot be listed: %s; make it a directory this user may read, or remove it",
                                strerror(error));
        }

        for (int i = 0; i < count; i++) {
                char *path = format_message("%s/%s", directory, entries[i]->d_name);
                if (path == NULL)
                        report_oom(report);
                else {
                        read_file(path, "mend it, or remove it", settings, report);
                        free(path);
                }
                free(entries[i]);
        }
        free(entries);
}

void config_read_files(const char *path, struct settings *settings, struct report *report)
{
        read_file(path, "name the configuration file with -c FILE, and let this user read it", settings,
                  report);

        char *directory = format_message("%s.d", path);
        if (directory == NULL) {
                report_oom(report);
                return;
        }
        read_drop_ins(directory, settings, report);
        free(directory);
}
