/* SPDX-License-Identifier: MIT */

/*
 * Files of the service: who may read its secrets, whose its state is, and whether the journal keeps its
 * entries. The contents are judged by the daemon's program, see doctor_child.c.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "ctl/doctor.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/string_list.h"
#include "util/timespan.h"

/* Less room than this, and the state will soon not be writable. */
#define ROOM_MIN (UINT64_C(64) << 20)

static void cleanup_list(struct string_list *list)
{
        string_list_clear(list);
}

static void cleanup_directory(DIR **directory)
{
        if (*directory != NULL)
                (void)closedir(*directory);
}

/* ---- secrets ---- */

/* The file of a secret: an absolute path, or what the unit passes as the credential of this name. */
static char *secret_path(const struct doctor *doctor, const char *source)
{
        static const char prefix[] = "nexudus.";
        const char *slash = strrchr(doctor->config_path, '/'), *instance = doctor->client->instance;
        int directory = slash != NULL ? (int)(slash + 1 - doctor->config_path) : 0;

        if (*source == '/')
                return format_message("%s", source);
        if (instance != NULL && strncmp(source, prefix, strlen(prefix)) == 0)
                return format_message("%.*s%s.%s", directory, doctor->config_path, instance,
                                      source + strlen(prefix));
        return format_message("%.*s%s", directory, doctor->config_path, source);
}

static void list_secret(const struct doctor *doctor, const char *source, struct string_list *paths)
{
        CLEANUP(cleanup_free) char *path = *source != '\0' ? secret_path(doctor, source) : NULL;

        if (path != NULL && !string_list_contains(paths, path))
                string_list_add(paths, path);
}

static void list_secrets(const struct doctor *doctor, struct string_list *paths)
{
        static const char *const keys[] = { "secret_file", "url_file", "header_file" };
        const struct settings *settings = &doctor->settings;
        const char *auth = settings_get(settings, "api", "auth");

        if (strcmp(auth, "token") == 0)
                list_secret(doctor, settings_get(settings, "api", "token_file"), paths);
        else if (strcmp(auth, "login") != 0)
                list_secret(doctor, settings_get(settings, "api", "password_file"), paths);
        for (size_t i = 0; i < settings->count; i++)
                for (size_t k = 0; k < sizeof(keys) / sizeof(*keys); k++)
                        if (setting_hook(&settings->items[i], keys[k]) != NULL)
                                list_secret(doctor, settings->items[i].value, paths);
}

/* Whether there is a finding about it already: as root, --check has judged it. */
static bool is_named(const struct doctor *doctor, const char *path)
{
        for (size_t i = 0; i < doctor->count; i++)
                if (strstr(doctor->findings[i].text, path) != NULL)
                        return true;
        return false;
}

/* What cannot be found may be encrypted, or come from elsewhere. */
static void check_secret(struct doctor *doctor, const char *path)
{
        struct stat status;

        if (stat(path, &status) < 0 || (status.st_mode & S_IRWXO) == 0)
                return;
        doctor_add(doctor, VERDICT_WARNING, format_message("%s: all users can read this secret", path),
                   format_message("run 'chmod 0600 %s'", path), NULL);
}

void doctor_check_secrets(struct doctor *doctor)
{
        CLEANUP(cleanup_list) struct string_list paths = { .items = NULL };
        bool named = false;

        if (!doctor->configured) {
                doctor_add(doctor, VERDICT_SKIPPED, format_message("the configuration is not valid"), NULL,
                           NULL);
                return;
        }
        list_secrets(doctor, &paths);
        for (size_t i = 0; i < paths.count; i++) {
                named |= is_named(doctor, paths.items[i]);
                if (!named)
                        check_secret(doctor, paths.items[i]);
        }
        if (geteuid() != 0)
                doctor_add(doctor, VERDICT_SKIPPED,
                           format_message("only root can read the secrets, to check their form"),
                           format_message("run 'sudo %s doctor'", doctor->tool), NULL);
        else if (!named && !doctor_has_problem(doctor))
                doctor_add(doctor, VERDICT_OK,
                           format_message("%zu secret%s, protected from other users", paths.count,
                                          plural(paths.count)),
                           NULL, format_message("secrets: %zu", paths.count));
}

/* ---- the state ---- */

struct state_files {
        uint64_t bytes;
        bool foreign; /* some file is not the service's */
};

static char *state_path(const struct doctor *doctor)
{
        const char *directory = settings_get(&doctor->settings, "state", "directory");
        const char *instance = doctor->client->instance;

        if (*directory != '\0')
                return format_message("%s", directory);
        return format_message("/var/lib/jobwatchd%s%s", instance != NULL ? "-" : "",
                              instance != NULL ? instance : "");
}

/* Who has to own the state. Returns false if there is no such user, whom --check misses as well. */
static bool find_owner(uid_t *ret_owner)
{
        const struct passwd *entry = getpwnam(SERVICE_USER);

        if (entry == NULL)
                return false;
        *ret_owner = entry->pw_uid;
        return true;
}

static int read_state(const char *path, const uid_t *owner, struct state_files *files)
{
        CLEANUP(cleanup_directory) DIR *directory = opendir(path);
        const struct dirent *entry;
        struct stat status;

        if (directory == NULL)
                return -errno;
        while ((entry = readdir(directory)) != NULL) {
                if (strcmp(entry->d_name, "..") == 0 ||
                    fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                files->foreign |= owner != NULL && status.st_uid != *owner;
                if (S_ISREG(status.st_mode))
                        files->bytes += (uint64_t)status.st_blocks * 512;
        }
        return 0;
}

static void check_owner(struct doctor *doctor, const char *path, bool foreign)
{
        struct stat status;

        if (foreign)
                doctor_add(doctor, VERDICT_FAILURE,
                           format_message("%s, or a file in it, does not belong to the user " SERVICE_USER,
                                          path),
                           format_message("run 'chown -R " SERVICE_USER ": %s'", path), NULL);
        if (stat(path, &status) >= 0 && (status.st_mode & S_IRWXO) != 0)
                doctor_add(doctor, VERDICT_WARNING,
                           format_message("%s can be read by every user of this machine", path),
                           format_message("run 'chmod o= %s'", path), NULL);
}

static void check_room(struct doctor *doctor, const char *path)
{
        struct statvfs system;
        char size[TIMESPAN_TEXT_MAX];

        if (statvfs(path, &system) < 0)
                return;
        uint64_t room = (uint64_t)system.f_bavail * system.f_frsize;
        if (room < ROOM_MIN)
                doctor_add(doctor, VERDICT_WARNING,
                           format_message("the file system of %s has only %s left", path,
                                          size_format(room >> 20 << 20, size)),
                           format_message("delete what is not needed there"), NULL);
}

/* What the service says about it. */
static void check_health(struct doctor *doctor, const char *path)
{
        const struct row *status = &doctor->status;
        const char *error = doctor->running ? row_text(status, "StateError") : NULL;

        if (error != NULL)
                doctor_add(doctor, VERDICT_FAILURE, format_message("the state cannot be written: %s", error),
                           format_message("check the disk of %s, and 'journalctl -u %s'", path, doctor->unit),
                           NULL);
        if (doctor->running && row_flag(status, "StateSlow"))
                doctor_add(doctor, VERDICT_FAILURE, format_message("the disk of %s does not respond", path),
                           format_message("check this disk"), NULL);
        if (doctor->running && row_flag(status, "DiskLow"))
                doctor_add(doctor, VERDICT_WARNING,
                           format_message("old events are deleted, since the disk of %s is full", path),
                           format_message("delete what is not needed there"), NULL);
}

void doctor_check_state(struct doctor *doctor)
{
        CLEANUP(cleanup_free) char *path = state_path(doctor);
        struct state_files files = { .bytes = 0 };
        char size[TIMESPAN_TEXT_MAX];
        uid_t owner = 0;

        if (!doctor->configured) {
                doctor_add(doctor, VERDICT_SKIPPED, format_message("the configuration is not valid"), NULL,
                           NULL);
                return;
        }
        int r = read_state(path, find_owner(&owner) ? &owner : NULL, &files);
        if (r == -ENOENT) {
                doctor_add(doctor, VERDICT_OK,
                           format_message("%s will be made when the service starts", path), NULL, NULL);
                return;
        }
        check_health(doctor, path);
        if (r < 0) {
                doctor_add(doctor, VERDICT_SKIPPED, format_message("%s: %s", path, strerror(-r)),
                           format_message("run 'sudo %s doctor'", doctor->tool), NULL);
                return;
        }
        check_owner(doctor, path, files.foreign);
        check_room(doctor, path);
        if (doctor_has_problem(doctor))
                return;
        (void)size_format(files.bytes >> 10 << 10, size);
        doctor_add(doctor, VERDICT_OK,
                   format_message("%s, %s of at most %s", path, size,
                                  settings_get(&doctor->settings, "state", "max_size")),
                   NULL, format_message("state: %s", size));
}

/* ---- the journal ---- */

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* When journald wrote to its file in a directory last, in nanoseconds since 1970; 0: there is none. */
static int64_t journal_time(const char *directory)
{
        char id[SD_ID128_STRING_MAX];
        sd_id128_t machine;
        struct stat status;

        if (sd_id128_get_machine(&machine) < 0)
                return 0;
        CLEANUP(cleanup_free)
        char *path = format_message("%s/%s/system.journal", directory, sd_id128_to_string(machine, id));
        return stat(path, &status) < 0 ? 0
                                       : status.st_mtim.tv_sec * INT64_C(1000000000) + status.st_mtim.tv_nsec;
}

/* Files of one kind may stay when the storage becomes the other. */
static bool journal_is_kept(void)
{
        return journal_time("/var/log/journal") > journal_time("/run/log/journal");
}

void doctor_check_journal(struct doctor *doctor)
{
        const bool stuck = doctor->running && row_flag(&doctor->status, "JournalStuck");

        if (access(JOURNAL_SOCKET, F_OK) < 0) {
                doctor_add(doctor, VERDICT_FAILURE, format_message("journald is not running"),
                           format_message("run 'systemctl start systemd-journald.socket'"),
                           format_message("journal: none"));
                return;
        }
        if (stuck)
                doctor_add(doctor, VERDICT_FAILURE, format_message("journald does not take log entries"),
                           format_message("run 'systemctl restart systemd-journald'"), NULL);
        if (!journal_is_kept())
                doctor_add(doctor, VERDICT_WARNING,
                           format_message("log entries are lost when the machine restarts"),
                           format_message("set Storage=persistent in /etc/systemd/journald.conf, then run "
                                          "'systemctl restart systemd-journald' and 'journalctl --flush'"),
                           format_message("journal: volatile"));
        if (!doctor_has_problem(doctor))
                doctor_add(doctor, VERDICT_OK, format_message("log entries are kept"), NULL,
                           format_message("journal: persistent"));
}
