/* SPDX-License-Identifier: MIT */

/*
 * The file is in the directory of another package, so the administrator has to allow it twice: by the mode of
 * the directory, and in the sandbox of the service.
 */

#include "app/metrics_advice.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/file.h"
#include "util/memory.h"
#include "util/message.h"

#define DROP_IN_MAX ((size_t)64 * 1024)

/* Whether a line of the file is ReadWritePaths= with this directory. */
static bool allows(const char *path, const char *directory)
{
        CLEANUP(cleanup_free) char *data = NULL;
        size_t size;

        if (file_read(path, DROP_IN_MAX, &data, &size) < 0)
                return false;
        char *rest = data;
        for (char *line; (line = strsep(&rest, "\n")) != NULL;)
                if (strncmp(line, "ReadWritePaths=", strlen("ReadWritePaths=")) == 0 &&
                    strstr(line, directory) != NULL)
                        return true;
        return false;
}

static bool one_allows(const char *pattern, const char *directory)
{
        glob_t files = { .gl_pathc = 0 };
        bool found = false;

        if (glob(pattern, 0, NULL, &files) == 0)
                for (size_t i = 0; i < files.gl_pathc && !found; i++)
                        found = allows(files.gl_pathv[i], directory);
        globfree(&files);
        return found;
}

/* By a drop-in of the unit or of its template. */
static bool sandbox_allows(const char *unit, const char *directory)
{
        const char *instance = strchr(unit, '@');
        CLEANUP(cleanup_free) char *own = format_message("/etc/systemd/system/%s.d/*.conf", unit);
        CLEANUP(cleanup_free)
        char *common = format_message("/etc/systemd/system/%.*s.service.d/*.conf",
                                      instance != NULL ? (int)(instance - unit + 1) : 0, unit);

        return one_allows(own, directory) || (instance != NULL && one_allows(common, directory));
}

char *metrics_advice(const char *textfile, const char *unit)
{
        CLEANUP(cleanup_free) char *directory = memory_need(strdup(textfile));
        char *name = strrchr(directory, '/'); /* the path is absolute */

        name[name == directory ? 1 : 0] = '\0';
        if (faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) < 0)
                return errno == EACCES
                               ? format_message("the service may not write to %s; run \"chgrp " SERVICE_USER
                                                " %s && chmod g+w %s\"",
                                                directory, directory, directory)
                               : format_message("cannot write to %s: %s", directory, strerror(errno));
        if (sandbox_allows(unit, directory))
                return NULL;
        return format_message("the sandbox of the service does not let it write to %s; add ReadWritePaths=%s "
                              "under [Service] with \"systemctl edit %s\", then restart the service",
                              directory, directory, unit);
}
