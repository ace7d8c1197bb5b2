/* SPDX-License-Identifier: MIT */

/*
 * Event files for units. Each is written under a temporary name and renamed, so that no reader sees a partial
 * file. Nothing is synchronized to disk: the directory is on a tmpfs, and the event itself is in the state.
 *
 * A unit may still run when the daemon is killed. So the directory says what is held: a symbolic link
 * .EVENT_ID.HOLDER to the name of the unit, which no file has. It is made before the files and removed after
 * them, so each file has a link. Each daemon that uses the directory holds a shared lock on it; only one that
 * gets the exclusive lock takes over what it finds.
 */

#include "delivery/unit/event_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "delivery/variables.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/utf8.h"

/*
 * Assignments for EnvironmentFile=. Values are remote data: they must neither end their quotes nor make
 * systemd reject the file, since then the unit would not start. Between double quotes systemd's parser, like
 * a shell, takes every byte literally except the quote and the backslash. It also undoes the escapes of $ and
 * `, which are there for shells that source the file.
 */

/* The length of the UTF-8 sequence at `data` if systemd accepts the character, otherwise 0. */
static size_t character_length(const char *data, size_t size)
{
        uint32_t point = 0;
        size_t length = utf8_character(data, size, &point);

        if ((point >= 0xfdd0 && point <= 0xfdef) || (point & 0xfffe) == 0xfffe)
                return 0; /* noncharacters */
        return length;
}

void environment_line(FILE *stream, const char *variable)
{
        const char *at = strchr(variable, '=') + 1, *end = at + strlen(at);

        (void)fprintf(stream, "%.*s\"", (int)(at - variable), variable);
        while (at < end) {
                size_t length = character_length(at, (size_t)(end - at));

                if (length == 0) {
                        (void)fputs(UTF8_REPLACEMENT, stream);
                        at++;
                        continue;
                }
                if (strchr("\\\"`$", *at) != NULL)
                        (void)fputc('\\', stream);
                (void)fwrite(at, 1, length, stream);
                at += length;
        }
        (void)fputs("\"\n", stream);
}

#define DEFAULT_RUNTIME_DIRECTORY "/run/jobwatchd"

#define ID_BYTES (EVENT_ID_SIZE - 1)

/* Names of units have up to 255 bytes, those of hooks fewer. */
#define NAME_SIZE 256

struct event_files {
        char *runtime;   /* directory of the service */
        char *directory; /* in it */
        int fd;          /* of the directory, with the shared lock; -1: not open */
};

/* ---- names ---- */

/* Whether an event id, and nothing that looks like more of one, is at the start. */
static bool begins_with_id(const char *text)
{
        return strspn(text, "0123456789abcdef-") == ID_BYTES;
}

/* The holder in the name of a link; NULL if it is not one. Borrowed. */
static const char *holder_in(const char *name)
{
        bool is_link = name[0] == '.' && begins_with_id(name + 1) && name[ID_BYTES + 1] == '.' &&
                       name[ID_BYTES + 2] != '\0';

        return is_link ? name + ID_BYTES + 2 : NULL;
}

static void format_link(const char *holder, const char *event_id, char name[static EVENT_ID_SIZE + NAME_SIZE])
{
        (void)snprintf(name, EVENT_ID_SIZE + NAME_SIZE, ".%s.%s", event_id, holder);
}

/* ---- links ---- */

static DIR *open_links(const struct event_files *files)
{
        int fd = openat(files->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;

        if (stream == NULL && fd >= 0)
                close(fd);
        return stream;
}

static void report_link(const struct event_files *files, const char *name, event_files_handler on_held,
                        void *userdata)
{
        const char *holder = holder_in(name);
        char event_id[EVENT_ID_SIZE] = "", unit[NAME_SIZE];
        ssize_t size = holder != NULL ? readlinkat(files->fd, name, unit, sizeof(unit) - 1) : 0;

        if (size <= 0)
                return; /* not ours */
        unit[size] = '\0';
        memcpy(event_id, name + 1, ID_BYTES);
        on_held(userdata, holder, event_id, unit);
}

static void report_links(const struct event_files *files, event_files_handler on_held, void *userdata)
{
        DIR *stream = open_links(files);

        for (struct dirent *entry; stream != NULL && (entry = readdir(stream)) != NULL;)
                report_link(files, entry->d_name, on_held, userdata);
        if (stream != NULL)
                closedir(stream);
}

/* Whether another one than `own` holds the event. */
static bool has_other_link(const struct event_files *files, const char *event_id, const char *own)
{
        DIR *stream = open_links(files);
        bool found = false;

        for (struct dirent *entry; stream != NULL && !found && (entry = readdir(stream)) != NULL;)
                found = holder_in(entry->d_name) != NULL && strcmp(entry->d_name, own) != 0 &&
                        memcmp(entry->d_name + 1, event_id, ID_BYTES) == 0;
        if (stream != NULL)
                closedir(stream);
        return found;
}

/* ---- the directory ---- */

static int open_directory(struct event_files *files)
{
        CLEANUP(cleanup_descriptor)
        int fd = open(files->directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        /* A writable directory of another owner is accepted. */
        if (fd < 0 || (fchmod(fd, 0750) < 0 && errno != EPERM))
                return -errno;
        files->fd = STEAL_DESCRIPTOR(fd);
        return 0;
}

/* Opens the directory; creates it and its parent if they do not exist. */
static int make_directory(struct event_files *files)
{
        int r = mkdir(files->runtime, 0755) == 0 ? ownership_give_to_service(files->runtime) : -errno;

        if (r < 0 && r != -EEXIST)
                return r;
        if (mkdir(files->directory, 0750) < 0 && errno != EEXIST)
                return -errno;
        r = open_directory(files);
        if (r < 0)
                return r;
        (void)flock(files->fd, LOCK_SH | LOCK_NB);
        return ownership_inherit(files->fd, files->runtime);
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

struct event_files *event_files_new(event_files_handler on_held, void *userdata)
{
        struct event_files *files = memory_malloc(NULL, sizeof(*files));
        const char *runtime = getenv("RUNTIME_DIRECTORY");

        if (runtime == NULL || *runtime != '/')
                runtime = DEFAULT_RUNTIME_DIRECTORY;
        *files = (struct event_files){ .fd = -1 };
        /* There may be several, separated by colons; the first is the service's own. */
        files->runtime = format_message("%.*s", (int)strcspn(runtime, ":"), runtime);
        files->directory = format_message("%s/events", files->runtime);
        if (open_directory(files) == 0) { /* errors are reported when the directory is needed */
                if (flock(files->fd, LOCK_EX | LOCK_NB) == 0)
                        report_links(files, on_held, userdata);
                (void)flock(files->fd, LOCK_SH | LOCK_NB);
        }
        return files;
}

struct event_files *event_files_free(struct event_files *files)
{
        if (files == NULL)
                return NULL;

        if (files->fd >= 0)
                close(files->fd);
        free(files->runtime);
        free(files->directory);
        free(files);
        return NULL;
}

/* ---- the files ---- */

static const char *const suffixes[] = { ".env", ".json", ".env.new", ".json.new" };

void event_files_release(struct event_files *files, const char *holder, const char *event_id)
{
        char name[EVENT_ID_SIZE + NAME_SIZE];

        if (files->fd < 0)
                return;
        format_link(holder, event_id, name);
        if (!has_other_link(files, event_id, name))
                for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
                        char file[EVENT_ID_SIZE + 16];

                        (void)snprintf(file, sizeof(file), "%s%s", event_id, suffixes[i]);
                        (void)unlinkat(files->fd, file, 0);
                }
        (void)unlinkat(files->fd, name, 0);
}

static int write_file(const struct event_files *files, const char *event_id, const char *suffix,
                      const char *data)
{
        char temporary[EVENT_ID_SIZE + 16], name[EVENT_ID_SIZE + 8];

        (void)snprintf(temporary, sizeof(temporary), "%s%s.new", event_id, suffix);
        (void)snprintf(name, sizeof(name), "%s%s", event_id, suffix);
        (void)unlinkat(files->fd, temporary, 0);
        CLEANUP(cleanup_descriptor)
        int fd = openat(files->fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
        if (fd < 0)
                return -errno;
        int r = file_write(fd, data, strlen(data));
        if (r == 0 && fchmod(fd, 0640) < 0) /* independent of the umask */
                r = -errno;
        if (r == 0)
                r = ownership_inherit(fd, files->directory);
        if (r == 0 && renameat(files->fd, temporary, files->fd, name) < 0)
                r = -errno;
        return r;
}

static int write_link(const struct event_files *files, const char *holder, const char *event_id,
                      const char *unit)
{
        char name[EVENT_ID_SIZE + NAME_SIZE];

        format_link(holder, event_id, name);
        (void)unlinkat(files->fd, name, 0);
        return symlinkat(unit, files->fd, name) < 0 ? -errno : 0;
}

/* All lines of the .env file. */
static char *environment_text(const struct event *event, unsigned attempt)
{
        char *variables[EVENT_VARIABLE_COUNT];
        char *text = NULL;
        size_t size = 0;
        FILE *stream = memory_need(open_memstream(&text, &size));

        event_variables_get(event, attempt, variables);
        for (size_t i = 0; i < EVENT_VARIABLE_COUNT; i++) {
                environment_line(stream, variables[i]);
                free(variables[i]);
        }
        if (fclose(stream) != 0)
                memory_exhausted();
        return text;
}

int event_files_hold(struct event_files *files, const char *holder, const char *unit,
                     const struct event *event, unsigned attempt, const char *document, char **ret_reason)
{
        *ret_reason = NULL;
        if (!begins_with_id(event->id) || event->id[ID_BYTES] != '\0')
                return -EINVAL;
        CLEANUP(cleanup_free) char *environment = environment_text(event, attempt);

        int r = prepare_directory(files);
        if (r == 0)
                r = write_link(files, holder, event->id, unit);
        if (r == 0)
                r = write_file(files, event->id, ".json", document);
        if (r == 0)
                r = write_file(files, event->id, ".env", environment);
        if (r < 0)
                return fail_with_message(r, ret_reason, "cannot write event files to %s: %s",
                                         files->directory, strerror(-r));
        return 0;
}
