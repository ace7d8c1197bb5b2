/* SPDX-License-Identifier: MIT */

/*
 * Builds the configuration: the files set values over the defaults, jobs and hooks are completed, the command
 * line overrides values, and finally everything that concerns more than one value is checked. Each step
 * reports errors and goes on, so that all of them are shown at once.
 */

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/loading.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/memory.h"
#include "util/message.h"

/* ---- files ---- */

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

/*
 * Reads `path`, which reading_start() has added, then PATH.d/ *.ini in the order of their names. Files that
 * cannot be read are added to the problems, and reading goes on with the next. Blocks.
 */
static void read_files(const char *path, struct loading *loading)
{
        CLEANUP(cleanup_free) char *directory = format_message("%s.d", path);

        read_file(loading->files, "name another configuration file with -c FILE", loading);
        read_drop_ins(directory, loading);
}

/* ---- jobs ---- */

static int compare_listed(const void *left_pointer, const void *right_pointer)
{
        const struct listed_job *left = left_pointer, *right = right_pointer;

        if (left->id != right->id)
                return left->id < right->id ? -1 : 1;
        return (left->order > right->order) - (left->order < right->order);
}

/* Those of [jobs] are the first. Changes the order of the list. */
static void refuse_duplicates(const struct loading *loading)
{
        struct listed_job *jobs = loading->listed, *first = jobs;
        char text[LOCATION_TEXT_MAX];

        if (loading->listed_count > 0)
                qsort(jobs, loading->listed_count, sizeof(*jobs), compare_listed);
        for (size_t i = 1; i < loading->listed_count; i++)
                if (jobs[i].id != first->id)
                        first = &jobs[i];
                else
                        problems_error(loading->problems, jobs[i].location,
                                       "job %" PRIu64 " is listed twice, also at %s; remove one of the two",
                                       jobs[i].id, location_format(first->location, text));
}

/* Takes settings that are missing from the section from [poll]. `offset` is that of `poll` in its values. */
static void inherit_poll(const struct loading *loading, const struct section *section,
                         struct poll_config *poll, size_t offset)
{
        const struct config_keys keys = config_keys_of(section->kind);
        const struct poll_config own = *poll;

        *poll = loading->config->poll;
        for (size_t i = 0; i < keys.count; i++) {
                const size_t at = keys.first[i].offset - offset;
                if (key_is_given(&section->keys[i]) && keys.first[i].type == &config_type_timespan)
                        memcpy((char *)poll + at, (const char *)&own + at, sizeof(uint64_t));
        }
}

static void complete_job(struct loading *loading, struct section *section)
{
        struct job_config *job = &section->job;

        inherit_poll(loading, section, &job->poll, offsetof(struct job_config, poll));
        job->hooks_given = key_is_given(section_key(section, "hooks"));
        if (job->id != 0) /* else it was refused or is missing */
                loading_list_job(loading, job->id, section_key(section, "id")->location);
}

static void complete_discover(const struct loading *loading, struct section *section)
{
        struct discover_config *discover = &section->discover;

        inherit_poll(loading, section, &discover->poll, offsetof(struct discover_config, poll));
        discover->hooks_given = key_is_given(section_key(section, "hooks"));
}

static void add_job_of_command_line(struct loading *loading, uint64_t id)
{
        struct config *config = loading->config;
        size_t i = 0;

        if (id == 0 || id > INT64_MAX) {
                problems_error(loading->problems, (struct location){ 0 },
                               "invalid job ID in --job %" PRIu64
                               "; write a number from 1 to 9223372036854775807",
                               id);
                return;
        }
        while (i < config->job_count && config->jobs[i].id != id)
                i++;
        if (i == config->job_count)
                config->jobs[config->job_count++] = (struct job_config){ .id = id, .poll = config->poll };
        config->jobs[i].from_command_line = true;
}

/* ---- where values are ---- */

/* "FILE:LINE" of a key, or the path of the main file if it is not given. The caller frees it. */
static char *location_text(const struct loading *loading, const struct section *section, const char *key)
{
        const struct key_state *state = section_key(section, key);
        char location[LOCATION_TEXT_MAX];

        return memory_need(strdup(key_is_given(state) ? location_format(state->location, location)
                                                      : loading->config->path));
}

static void complete_hook(const struct loading *loading, struct section *section)
{
        struct hook_config *hook = &section->hook;

        if (hook->unit != NULL) {
                hook->kind = HOOK_UNIT;
                hook->target = hook->unit;
                hook->where = location_text(loading, section, "unit");
        } else if (hook->exec != NULL) {
                hook->kind = HOOK_EXEC;
                hook->target = hook->exec;
                hook->where = location_text(loading, section, "exec");
        } else {
                hook->kind = HOOK_URL;
                hook->target = hook->url;
                hook->where = location_text(loading, section, hook->url != NULL ? "url" : "url_file");
        }
        hook->where_secret_file = location_text(loading, section, "secret_file");
        hook->where_header_file = location_text(loading, section, "header_file");
        hook->where_ca_file = location_text(loading, section, "ca_file");
}

/* The key that says where the secret comes from. */
static const char *secret_key(enum auth_method auth)
{
        switch (auth) {
        case AUTH_TOKEN:
                return "token_file";
        case AUTH_PASSWORD:
        case AUTH_BASIC:
                return "password_file";
        case AUTH_LOGIN:
                break;
        }
        return "auth";
}

static void note_locations(const struct loading *loading)
{
        struct config *config = loading->config;
        const struct section *api = loading_find(loading, SECTION_API, NULL);
        const struct section *status = loading_find(loading, SECTION_STATUS, NULL);
        const struct config_file *replaced_by = section_key(status, "success")->replaced_by;

        config->api.where_secret = location_text(loading, api, secret_key(config->api.auth));
        config->api.where_ca_file = location_text(loading, api, "ca_file");

        /* The last file that replaces the list, since what other files add to it would be lost. */
        config->status_file = memory_need(strdup(replaced_by != NULL ? replaced_by->path : config->path));
}

/* ---- the whole ---- */

/*
 * Completes the values of the sections and puts them into the configuration: first the jobs of [jobs], then
 * the sections, then the jobs of the command line.
 */
static void build(struct loading *loading, const struct config_overrides *overrides)
{
        struct config *config = loading->config;
        const size_t plain = loading->listed_count;

        config->jobs = memory_need(
                calloc(plain + loading->section_count + overrides->job_count, sizeof(*config->jobs)));
        config->discovers = memory_need(calloc(loading->section_count, sizeof(*config->discovers)));
        config->hooks = memory_need(calloc(loading->section_count, sizeof(*config->hooks)));
        for (size_t i = 0; i < plain; i++)
                config->jobs[config->job_count++] =
                        (struct job_config){ .id = loading->listed[i].id, .poll = config->poll };
        for (struct section *section = loading->sections; section != NULL; section = section->next)
                if (section->kind == SECTION_JOB) {
                        complete_job(loading, section);
                        config->jobs[config->job_count++] = section->job;
                } else if (section->kind == SECTION_DISCOVER) {
                        complete_discover(loading, section);
                        config->discovers[config->discover_count++] = section->discover;
                } else if (section->kind == SECTION_HOOK) {
                        complete_hook(loading, section);
                        config->hooks[config->hook_count++] = section->hook;
                }
        refuse_duplicates(loading);
        for (size_t i = 0; i < overrides->job_count; i++)
                add_job_of_command_line(loading, overrides->job_ids[i]);
}

static void strip_slashes(char *url)
{
        for (size_t size = strlen(url); size > 0 && url[size - 1] == '/'; size--)
                url[size - 1] = '\0';
}

static void apply_overrides(struct config *config, const struct config_overrides *overrides)
{
        if (overrides->exit_when_done)
                config->exit_when = EXIT_DONE;
        if (overrides->log_level >= 0)
                config->log.level = overrides->log_level;
        if (overrides->log_target >= 0)
                config->log.target = (enum log_target)overrides->log_target;
        if (overrides->state_directory != NULL) {
                free(config->state_directory);
                config->state_directory = memory_need(strdup(overrides->state_directory));
        }
}

/* Completes and checks what was read, and ends the loading. */
static int finish(struct loading *loading, const struct config_overrides *overrides,
                  struct config **ret_config)
{
        static const struct config_overrides none = { .log_level = -1, .log_target = -1 };
        struct config_problems *problems = loading->problems;
        struct config *config = loading->config;

        if (overrides == NULL)
                overrides = &none;
        build(loading, overrides);
        note_locations(loading);
        strip_slashes(config->api.base_url);
        apply_overrides(config, overrides);
        /* If nothing could be read, further errors would only follow from that. */
        if (problems->errors == 0 || loading->has_sections)
                config_check(loading, overrides);
        loading_clear(loading);
        problems_sort(problems);
        if (problems->errors > 0) {
                config_free(config);
                return -EINVAL;
        }
        *ret_config = config;
        return 0;
}

int config_load_memory(const char *path, const char *data, size_t size,
                       const struct config_overrides *overrides, struct config_problems *problems,
                       struct config **ret_config)
{
        CLEANUP(cleanup_free) char *text = memory_need(malloc(size + 1));
        struct loading loading;

        memcpy(text, data, size);
        reading_start(&loading, path, problems);
        reading_text(&loading, loading.files, text, size);
        return finish(&loading, overrides, ret_config);
}

int config_load(const char *path, const struct config_overrides *overrides, struct config_problems *problems,
                struct config **ret_config)
{
        struct loading loading;

        reading_start(&loading, path, problems);
        read_files(path, &loading);
        return finish(&loading, overrides, ret_config);
}
