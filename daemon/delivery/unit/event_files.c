/* SPDX-License-Identifier: MIT */

/*
 * Event files for units. Each is written under a temporary name and renamed, so that no reader sees a partial
 * file. Nothing is synchronized to disk: the directory is on a tmpfs, and the event itself is in the state.
 *
 * A unit may still run when the daemon is killed. So what is held is in the directory too: a symbolic link
 * .EVENT_ID.HOLDER to the name of the unit, which no file has. It is made before the files and removed before
 * them, and files without one are stale. Each daemon that uses the directory holds a shared lock on it; only
 * one that gets the exclusive lock takes over what it finds.
 */

#include "delivery/unit/event_files.h"

#include <assert.h>
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
#include "util/ownership.h"

#define DEFAULT_RUNTIME_DIRECTORY "/run/jobwatchd"

#define ID_BYTES (EVENT_ID_SIZE - 1)

/* Names of units have up to 255 bytes, names of hooks fewer. */
#define UNIT_SIZE 256

struct holding {
        struct holding *next;
        char event_id[EVENT_ID_SIZE];
        char unit[UNIT_SIZE];
        char holder[]; /* NUL-terminated */
};

struct event_files {
        char *directory;
        int fd; /* of the directory, with the shared lock; -1: not open */
        struct holding *holdings;
        bool in_each; /* a handler is being called */
};

DEFINE_CLEANUP(struct event_files, event_files_free)

/* ---- names ---- */

static bool is_event_id(const char *text, size_t size)
{
        if (size != ID_BYTES)
                return false;
        for (size_t i = 0; i < size; i++)
                if (text[i] == '\0' || strchr("0123456789abcdef-", text[i]) == NULL)
                        return false;
        return true;
}

/* What follows the event's id in a name; NULL if there is no id. */
static const char *suffix_of(const char *name)
{
        return strlen(name) > ID_BYTES && is_event_id(name, ID_BYTES) ? name + ID_BYTES : NULL;
}

static bool is_event_file(const char *name)
{
        const char *suffix = suffix_of(name);

        return suffix != NULL && (strcmp(suffix, ".json") == 0 || strcmp(suffix, ".env") == 0);
}

static bool is_temporary(const char *name)
{
        const char *suffix = *name == '.' ? suffix_of(name + 1) : NULL;

        return suffix != NULL && (strcmp(suffix, ".json.new") == 0 || strcmp(suffix, ".env.new") == 0);
}

/* The holder in the name of a link; NULL if it is not one. Borrowed. */
static const char *holder_in(const char *name)
{
        const char *suffix = *name == '.' ? suffix_of(name + 1) : NULL;

        return suffix != NULL && suffix[0] == '.' && suffix[1] != '\0' && !is_temporary(name) ? suffix + 1
                                                                                              : NULL;
}

/* The name of a link; NULL when out of memory. */
static char *link_name(const char *holder, const char *event_id)
{
        return format_message(".%s.%s", event_id, holder);
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

/* Adds one, or replaces the unit of an existing one. */
static int add_holding(struct event_files *files, const char *holder, const char *event_id, const char *unit)
{
        struct holding *holding = *find_holding(files, holder, event_id);
        size_t size = strlen(holder) + 1;

        if (strlen(unit) >= UNIT_SIZE)
                return -EINVAL;
        if (holding == NULL) {
                holding = calloc(1, sizeof(*holding) + size);
                if (holding == NULL)
                        return -ENOMEM;
                memcpy(holding->event_id, event_id, ID_BYTES);
                memcpy(holding->holder, holder, size);
                holding->next = files->holdings;
                files->holdings = holding;
        }
        (void)snprintf(holding->unit, sizeof(holding->unit), "%s", unit);
        return 0;
}

bool event_files_is_held(const struct event_files *files, const char *holder, const char *event_id)
{
        for (const struct holding *holding = files->holdings; holding != NULL; holding = holding->next)
                if (strcmp(holding->event_id, event_id) == 0 && strcmp(holding->holder, holder) == 0)
                        return true;
        return false;
}

int event_files_each(struct event_files *files, event_files_handler handler, void *userdata)
{
        int r = 0;

        assert(!files->in_each);
        files->in_each = true;
        for (const struct holding *holding = files->holdings; holding != NULL && r >= 0;
             holding = holding->next)
                r = handler(userdata, holding->holder, holding->event_id, holding->unit);
        files->in_each = false;
        return r < 0 ? r : 0;
}

/* ---- the directory ---- */

typedef int (*entry_handler)(struct event_files *files, int directory_fd, const char *name);

static int each_entry(struct event_files *files, int directory_fd, entry_handler handler)
{
        int r = 0, fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;

        if (directory == NULL) {
                r = -errno;
                if (fd >= 0)
                        close(fd);
                return r;
        }
        for (struct dirent *entry; r >= 0 && (entry = readdir(directory)) != NULL;)
                r = handler(files, directory_fd, entry->d_name);
        closedir(directory);
        return r;
}

static int take_link(struct event_files *files, int directory_fd, const char *name)
{
        const char *holder = holder_in(name);
        char event_id[EVENT_ID_SIZE] = "", unit[UNIT_SIZE];

        if (holder == NULL)
                return 0;
        ssize_t size = readlinkat(directory_fd, name, unit, sizeof(unit) - 1);
        if (size <= 0)
                return 0; /* not ours */
        unit[size] = '\0';
        memcpy(event_id, name + 1, ID_BYTES);
        return add_holding(files, holder, event_id, unit);
}

static int remove_stale(struct event_files *files, int directory_fd, const char *name)
{
        char event_id[EVENT_ID_SIZE] = "";

        if (is_event_file(name)) {
                memcpy(event_id, name, ID_BYTES);
                if (*find_holding(files, NULL, event_id) != NULL)
                        return 0;
        } else if (!is_temporary(name)) {
                return 0;
        }
        (void)unlinkat(directory_fd, name, 0);
        return 0;
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
        int r = 0;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
                r = each_entry(files, fd, take_link);
                if (r >= 0)
                        r = each_entry(files, fd, remove_stale);
        }
        (void)flock(fd, LOCK_SH | LOCK_NB);
        files->fd = STEAL_DESCRIPTOR(fd);
        return r < 0 ? r : 0;
}

static int make_parent(const char *directory)
{
        if (mkdir(directory, 0755) < 0)
                return errno == EEXIST ? 0 : -errno;
        return ownership_give_to_service(directory);
}

/* Opens the directory; creates it and its parent if they do not exist. */
static int make_directory(struct event_files *files)
{
        char *slash = strrchr(files->directory, '/');

        *slash = '\0';
        int r = *files->directory != '\0' ? make_parent(files->directory) : 0;
        *slash = '/';
        if (r < 0)
                return r;
        if (mkdir(files->directory, 0750) < 0 && errno != EEXIST)
                return -errno;
        r = open_directory(files);
        if (r < 0)
                return r;
        *slash = '\0';
        r = ownership_inherit(files->fd, *files->directory != '\0' ? files->directory : "/");
        *slash = '/';
        return r;
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

        assert(directory == NULL || *directory == '/');
        if (files == NULL)
                return -ENOMEM;
        files->fd = -1;
        files->directory = directory != NULL ? strdup(directory) : default_directory();
        if (files->directory == NULL)
                return -ENOMEM;
        if (open_directory(files) == -ENOMEM) /* other errors are reported when the directory is needed */
                return -ENOMEM;
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

/* ---- release ---- */

static void remove_file(const struct event_files *files, const char *event_id, const char *suffix)
{
        char name[EVENT_ID_SIZE + 8];

        (void)snprintf(name, sizeof(name), "%s%s", event_id, suffix);
        (void)unlinkat(files->fd, name, 0);
}

static void remove_link(const struct event_files *files, const char *holder, const char *event_id)
{
        CLEANUP(cleanup_free) char *name = link_name(holder, event_id);

        if (name != NULL)
                (void)unlinkat(files->fd, name, 0);
}

void event_files_release(struct event_files *files, const char *holder, const char *event_id)
{
        struct holding **at = find_holding(files, holder, event_id), *holding = *at;

        assert(!files->in_each);

        if (holding == NULL)
                return;
        *at = holding->next;
        if (files->fd >= 0) {
                remove_link(files, holder, holding->event_id);
                if (*find_holding(files, NULL, holding->event_id) == NULL) {
                        remove_file(files, holding->event_id, ".env");
                        remove_file(files, holding->event_id, ".json");
                }
        }
        free(holding);
}

/* ---- writing ---- */

static int write_file(const struct event_files *files, const char *event_id, const char *suffix,
                      const char *data, size_t size)
{
        char temporary[EVENT_ID_SIZE + 16], name[EVENT_ID_SIZE + 8];

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
        if (r == 0)
                r = ownership_inherit(fd, files->directory);
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

static int write_link(const struct event_files *files, const char *holder, const char *event_id,
                      const char *unit)
{
        CLEANUP(cleanup_free) char *name = link_name(holder, event_id);

        if (name == NULL)
                return -ENOMEM;
        (void)unlinkat(files->fd, name, 0);
        return symlinkat(unit, files->fd, name) < 0 ? -errno : 0;
}

/* Opens the directory if it is not open, or was removed meanwhile. */
static int prepare_directory(struct event_files *files)
{
        struct stat status;

        if (files->fd >= 0 && (fstat(files->fd, &status) < 0 || status.st_nlink == 0)) {
                close(files->fd);
                files->fd = -1;
        }
        return files->fd >= 0 ? 0 : make_directory(files);
}

int event_files_hold(struct event_files *files, const char *holder, const char *unit,
                     const struct event *event, unsigned attempt, const char *document, size_t document_size,
                     char **ret_reason)
{
        assert(!files->in_each);
        *ret_reason = NULL;
        if (!is_event_id(event->id, strlen(event->id)))
                return -EINVAL;
        CLEANUP(cleanup_free) char *environment = environment_text(event, attempt);
        if (environment == NULL)
                return -ENOMEM;

        bool held = event_files_is_held(files, holder, event->id);
        int r = prepare_directory(files);
        if (r == 0)
                r = add_holding(files, holder, event->id, unit);
        if (r == 0)
                r = write_link(files, holder, event->id, unit);
        if (r == 0)
                r = write_file(files, event->id, ".json", document, document_size);
        if (r == 0)
                r = write_file(files, event->id, ".env", environment, strlen(environment));
        if (r < 0 && r != -ENOMEM)
                *ret_reason =
                        format_message("cannot write event files to %s: %s", files->directory, strerror(-r));
        if (r < 0 && !held)
                event_files_release(files, holder, event->id);
        return r;
}
