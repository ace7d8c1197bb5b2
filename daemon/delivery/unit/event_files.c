/* SPDX-License-Identifier: MIT */

/*
 * Event files for units. Each is written under a temporary name and renamed, so that no reader sees a partial
 * file. Nothing is synchronized to disk: the directory is on a tmpfs, and the event itself is in the state.
 *
 * Files left by a daemon that was killed are removed at the next start. Each daemon that uses the directory
 * holds a shared lock on it; only one that gets the exclusive lock removes files.
 */

#include "delivery/unit/event_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "delivery/unit/environment_line.h"
#include "delivery/variables.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/message.h"

#define DEFAULT_RUNTIME_DIRECTORY "/run/jobwatchd"

#define ID_BYTES (EVENT_ID_SIZE - 1)

/* A dot, the id, and the longest of the suffixes below. */
#define NAME_SIZE (EVENT_ID_SIZE + 16)

struct holding {
        struct holding *next;
        char event_id[EVENT_ID_SIZE];
        char holder[]; /* NUL-terminated */
};

struct event_files {
        char *directory;
        int fd; /* of the directory, with the shared lock; -1: not open */
        struct holding *holdings;
};

DEFINE_CLEANUP(struct event_files, event_files_free)

/* ---- the directory ---- */

static bool is_event_id(const char *text, size_t size)
{
        if (size != ID_BYTES)
                return false;
        for (size_t i = 0; i < size; i++)
                if (text[i] == '\0' || strchr("0123456789abcdef-", text[i]) == NULL)
                        return false;
        return true;
}

/* Whether it is the name of an event file, or of a temporary one. */
static bool is_own_name(const char *name)
{
        bool temporary = name[0] == '.';
        const char *id = name + temporary;

        if (strlen(id) < ID_BYTES || !is_event_id(id, ID_BYTES))
                return false;
        const char *suffix = id + ID_BYTES;
        return strcmp(suffix, temporary ? ".json.new" : ".json") == 0 ||
               strcmp(suffix, temporary ? ".env.new" : ".env") == 0;
}

static void remove_stale(int directory_fd)
{
        int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;

        if (directory == NULL) {
                if (fd >= 0)
                        close(fd);
                return;
        }
        for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
                if (is_own_name(entry->d_name))
                        (void)unlinkat(directory_fd, entry->d_name, 0);
        closedir(directory);
}

static int open_directory(struct event_files *files)
{
        CLEANUP(cleanup_descriptor)
        int fd = open(files->directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;

        /* A writable directory of another owner is accepted. */
        if (fchmod(fd, 0750) < 0 && errno != EPERM)
                return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
                remove_stale(fd);
        (void)flock(fd, LOCK_SH | LOCK_NB);
        files->fd = STEAL_DESCRIPTOR(fd);
        return 0;
}

/* Opens the directory; creates it and its parent if they do not exist. */
static int make_directory(struct event_files *files)
{
        char *slash = strrchr(files->directory, '/');

        *slash = '\0';
        int r = *files->directory != '\0' && mkdir(files->directory, 0755) < 0 && errno != EEXIST ? -errno
                                                                                                  : 0;
        *slash = '/';
        if (r < 0)
                return r;
        if (mkdir(files->directory, 0750) < 0 && errno != EEXIST)
                return -errno;
        return open_directory(files);
}

static char *default_directory(void)
{
        const char *runtime = getenv("RUNTIME_DIRECTORY");

        if (runtime == NULL || *runtime != '/')
                runtime = DEFAULT_RUNTIME_DIRECTORY;
        /* There may be several, separated by colons; the first is the service's own. */
        return format_message("%.*s/events", (int)strcspn(runtime, ":"), runtime);
}

int event_files_new(const char *directory, struct event_files **ret_files)
{
        CLEANUP(cleanup_event_files_free) struct event_files *files = calloc(1, sizeof(*files));

        if (files == NULL)
                return -ENOMEM;
        files->fd = -1;
        files->directory = directory != NULL ? strdup(directory) : default_directory();
        if (files->directory == NULL)
                return -ENOMEM;
        (void)open_directory(files); /* an error is reported when the directory is needed */
        *ret_files = STEAL_POINTER(files);
        return 0;
}

struct event_files *event_files_free(struct event_files *files)
{
        if (files == NULL)
                return NULL;

        for (struct holding *holding = files->holdings; holding != NULL;) {
                struct holding *next = holding->next;
                free(holding);
                holding = next;
        }
        if (files->fd >= 0)
                close(files->fd);
        free(files->directory);
        free(files);
        return NULL;
}

/* ---- holdings ---- */

static struct holding **find_holding(struct event_files *files, const char *holder, const char *event_id)
{
        struct holding **at = &files->holdings;

        while (*at != NULL && (strcmp((*at)->event_id, event_id) != 0 ||
                               (holder != NULL && strcmp((*at)->holder, holder) != 0)))
                at = &(*at)->next;
        return at;
}

static int add_holding(struct event_files *files, const char *holder, const char *event_id)
{
        size_t size = strlen(holder) + 1;

        if (*find_holding(files, holder, event_id) != NULL)
                return 0;
        struct holding *holding = malloc(sizeof(*holding) + size);
        if (holding == NULL)
                return -ENOMEM;
        memcpy(holding->event_id, event_id, EVENT_ID_SIZE);
        memcpy(holding->holder, holder, size);
        holding->next = files->holdings;
        files->holdings = holding;
        return 0;
}

static void remove_file(const struct event_files *files, const char *event_id, const char *suffix)
{
        char name[NAME_SIZE];

        (void)snprintf(name, sizeof(name), "%s%s", event_id, suffix);
        (void)unlinkat(files->fd, name, 0);
}

static void remove_unheld(struct event_files *files, const char *event_id)
{
        if (files->fd < 0 || *find_holding(files, NULL, event_id) != NULL)
                return;
        remove_file(files, event_id, ".env");
        remove_file(files, event_id, ".json");
}

void event_files_release(struct event_files *files, const char *holder, const char *event_id)
{
        struct holding **at = find_holding(files, holder, event_id), *holding = *at;

        if (holding == NULL)
                return;
        *at = holding->next;
        remove_unheld(files, holding->event_id);
        free(holding);
}

/* ---- writing ---- */

static int write_file(const struct event_files *files, const char *event_id, const char *suffix,
                      const char *data, size_t size)
{
        char temporary[NAME_SIZE], name[NAME_SIZE];

        (void)snprintf(temporary, sizeof(temporary), ".%s%s.new", event_id, suffix);
        (void)snprintf(name, sizeof(name), "%s%s", event_id, suffix);
        (void)unlinkat(files->fd, temporary, 0);
        CLEANUP(cleanup_descriptor)
        int fd = openat(files->fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
        if (fd < 0)
                return -errno;
        int r = file_write(fd, data, size);
        if (r == 0 && fchmod(fd, 0640) < 0) /* independent of the umask */
                r = -errno;
        if (r == 0 && renameat(files->fd, temporary, files->fd, name) < 0)
                r = -errno;
        if (r < 0)
                (void)unlinkat(files->fd, temporary, 0);
        return r;
}

/* All lines of the .env file; NULL when out of memory. */
static char *environment_text(const struct event *event, unsigned attempt)
{
        struct event_variable variables[EVENT_VARIABLE_COUNT];
        CLEANUP(cleanup_free) char *text = strdup("");

        event_variables_get(event, attempt, variables);
        for (size_t i = 0; i < EVENT_VARIABLE_COUNT && text != NULL; i++) {
                char *before = text;
                char *line = environment_line(variables[i].name, variables[i].value, variables[i].size);
                text = line != NULL ? format_message("%s%s", before, line) : NULL;
                free(line);
                free(before);
        }
        return STEAL_POINTER(text);
}

static int write_both(struct event_files *files, const char *event_id, const char *document,
                      size_t document_size, const char *environment)
{
        struct stat status;

        /* If the directory was removed meanwhile, create it again. */
        if (files->fd >= 0 && (fstat(files->fd, &status) < 0 || status.st_nlink == 0)) {
                close(files->fd);
                files->fd = -1;
        }
        int r = files->fd >= 0 ? 0 : make_directory(files);
        if (r == 0)
                r = write_file(files, event_id, ".json", document, document_size);
        if (r == 0)
                r = write_file(files, event_id, ".env", environment, strlen(environment));
        return r;
}

int event_files_hold(struct event_files *files, const char *holder, const struct event *event,
                     unsigned attempt, const char *document, size_t document_size, char **ret_reason)
{
        *ret_reason = NULL;
        if (!is_event_id(event->id, strlen(event->id)))
                return -EINVAL;
        CLEANUP(cleanup_free) char *environment = environment_text(event, attempt);
        if (environment == NULL)
                return -ENOMEM;

        bool held = *find_holding(files, holder, event->id) != NULL;
        int r = add_holding(files, holder, event->id);
        if (r < 0)
                return r;
        r = write_both(files, event->id, document, document_size, environment);
        if (r < 0) {
                *ret_reason =
                        format_message("cannot write event files to %s: %s", files->directory, strerror(-r));
                if (!held)
                        event_files_release(files, holder, event->id);
        }
        return r;
}
