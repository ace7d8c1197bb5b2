/* SPDX-License-Identifier: MIT */

/*
 * Builds the configuration: the files are merged into settings, every key gets its default and then its
 * setting, the command line overrides them, and finally everything that concerns more than one value is
 * checked. Each step reports errors and goes on, so that all of them are shown at once.
 */

#include "config/config_load.h"

#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_check.h"
#include "config/config_files.h"
#include "config/values.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/text.h"

struct loading {
        struct config *config;
        struct settings *settings;
        struct diagnostics *diagnostics;
        void *known_jobs; /* a tree of tsearch(3) */
};

/* ---- jobs ---- */

struct known_job {
        uint64_t id;
        size_t index;
        struct location location;
};

static int compare_jobs(const void *left_pointer, const void *right_pointer)
{
        const struct known_job *left = left_pointer, *right = right_pointer;

        return (left->id > right->id) - (left->id < right->id);
}

static const struct known_job *find_job(const struct loading *loading, uint64_t id)
{
        const struct known_job wanted = { .id = id };
        struct known_job *const *found = tfind(&wanted, &loading->known_jobs, compare_jobs);

        return found != NULL ? *found : NULL;
}

/* Notes that the id of the last job is taken, or reports that it was before. */
static void register_job(struct loading *loading, struct location location)
{
        const struct config *config = loading->config;
        struct known_job job = { config->jobs[config->job_count - 1].id, config->job_count - 1, location };
        const struct known_job *other = find_job(loading, job.id);
        char text[LOCATION_TEXT_MAX];

        if (job.id == 0)
                return; /* its id was refused or is missing */
        if (other != NULL) {
                diagnostics_error(loading->diagnostics, location,
                                  "job %" PRIu64 " is listed twice, also at %s; remove one of the two",
                                  job.id, location_format(other->location, text));
                return;
        }
        CLEANUP(cleanup_free) struct known_job *added = malloc(sizeof(*added));
        if (diagnostics_note_memory(loading->diagnostics, added) == NULL)
                return;
        *added = job;
        if (diagnostics_note_memory(loading->diagnostics, tsearch(added, &loading->known_jobs, compare_jobs)))
                (void)STEAL_POINTER(added);
}

/* NULL if out of memory. */
static struct job_config *add_job(struct loading *loading)
{
        struct config *config = loading->config;
        struct job_config *jobs = array_grow(config->jobs, config->job_count, sizeof(*jobs));

        if (diagnostics_note_memory(loading->diagnostics, jobs) == NULL)
                return NULL;
        config->jobs = jobs;
        jobs[config->job_count] = (struct job_config){ .poll = config->poll };
        return &jobs[config->job_count++];
}

static void build_plain_jobs(struct loading *loading)
{
        struct setting *ids =
                section_find(settings_find_section(loading->settings, SECTION_JOBS, NULL), "ids");
        struct item_reader reader = { .setting = ids };
        struct location location;
        char *item;

        while (ids != NULL && item_next(&reader, loading->diagnostics, &item, &location)) {
                CLEANUP(cleanup_free) char *text = item;
                uint64_t id;
                if (job_id_parse(text, &id) < 0) {
                        ids->refused = true;
                        diagnostics_error(loading->diagnostics, location,
                                          "invalid job ID \"%.*s\"; "
                                          "write numbers from 1 to 9223372036854775807, separated by commas",
                                          (int)text_cut(text, strlen(text), 100), text);
                        continue;
                }
                struct job_config *job = add_job(loading);
                if (job == NULL)
                        return;
                job->id = id;
                register_job(loading, location);
        }
}

static void build_named_job(struct loading *loading, struct section_settings *section)
{
        const struct setting *id = section_find(section, "id");
        struct job_config *job = add_job(loading);

        if (job == NULL)
                return;
        section->index = loading->config->job_count - 1;
        job->hooks_given = section_find(section, "hooks") != NULL;
        job->name = diagnostics_note_memory(loading->diagnostics, strdup(section->name));
        values_apply(loading->settings, section, job, loading->diagnostics);
        register_job(loading, id != NULL ? id->location : section->location);
}

static void build_discover(struct loading *loading, struct section_settings *section)
{
        struct config *config = loading->config;
        struct discover_config *discovers =
                array_grow(config->discovers, config->discover_count, sizeof(*discovers));

        if (diagnostics_note_memory(loading->diagnostics, discovers) == NULL)
                return;
        config->discovers = discovers;
        section->index = config->discover_count++;

        struct discover_config *discover = &discovers[section->index];
        *discover = (struct discover_config){
                .name = diagnostics_note_memory(loading->diagnostics, strdup(section->name)),
                .poll = config->poll,
                .hooks_given = section_find(section, "hooks") != NULL,
        };
        values_set_defaults(SECTION_DISCOVER, discover, loading->diagnostics);
        values_apply(loading->settings, section, discover, loading->diagnostics);
}

/* ---- hooks ---- */

/* "FILE:LINE" of a setting, or the path of the main file if it is NULL. The caller frees it. */
static char *location_text(const struct loading *loading, const struct setting *setting)
{
        char location[LOCATION_TEXT_MAX];

        return diagnostics_note_memory(loading->diagnostics,
                                       strdup(setting != NULL ? location_format(setting->location, location)
                                                              : loading->config->path));
}

static void build_hook(struct loading *loading, struct section_settings *section)
{
        struct config *config = loading->config;
        struct hook_config *hooks = array_grow(config->hooks, config->hook_count, sizeof(*hooks));

        if (diagnostics_note_memory(loading->diagnostics, hooks) == NULL)
                return;
        config->hooks = hooks;
        section->index = config->hook_count++;

        struct hook_config *hook = &hooks[section->index];
        *hook = (struct hook_config){ .name = diagnostics_note_memory(loading->diagnostics,
                                                                      strdup(section->name)) };
        values_set_defaults(SECTION_HOOK, hook, loading->diagnostics);
        values_apply(loading->settings, section, hook, loading->diagnostics);
        const struct setting *target = section_target(section, NULL);
        if (target != NULL)
                hook->kind = (enum hook_kind)target->key->hook_kind;
        if (target != NULL && target->comment.size > 0)
                hook->comment = diagnostics_note_memory(loading->diagnostics,
                                                        strndup(target->comment.text, target->comment.size));
        hook->where = location_text(loading, target);
        hook->where_secret_file = location_text(loading, section_find(section, "secret_file"));
        hook->where_header_file = location_text(loading, section_find(section, "header_file"));
        hook->where_ca_file = location_text(loading, section_find(section, "ca_file"));
}

/* ---- the whole ---- */

static void build_sections(struct loading *loading)
{
        struct config *config = loading->config;
        struct settings *settings = loading->settings;

        for (unsigned i = 0; i < SECTION_COUNT; i++) {
                enum config_section section = (enum config_section)i;
                if (config_section_is_named(section))
                        continue;
                values_set_defaults(section, config, loading->diagnostics);
                values_apply(settings, settings_find_section(settings, section, NULL), config,
                             loading->diagnostics);
        }
        build_plain_jobs(loading);
        for (size_t i = 0; i < settings->count; i++)
                if (settings->sections[i]->section == SECTION_JOB)
                        build_named_job(loading, settings->sections[i]);
                else if (settings->sections[i]->section == SECTION_DISCOVER)
                        build_discover(loading, settings->sections[i]);
                else if (settings->sections[i]->section == SECTION_HOOK)
                        build_hook(loading, settings->sections[i]);

        const struct section_settings *api = settings_find_section(settings, SECTION_API, NULL);
        config->api.where_secret = location_text(
                loading, section_find(api, config->api.auth == AUTH_TOKEN ? "token_file" : "password_file"));
        config->api.where_ca_file = location_text(loading, section_find(api, "ca_file"));

        /* The last file that replaces the list, since what other files add to it would be lost. */
        const struct setting *success =
                section_find(settings_find_section(settings, SECTION_STATUS, NULL), "success");
        config->status_file = diagnostics_note_memory(loading->diagnostics,
                                                      strdup(success != NULL && success->replaced_by != NULL
                                                                     ? success->replaced_by->path
                                                                     : config->path));
}

static void apply_overrides(struct loading *loading, const struct config_overrides *overrides)
{
        static const struct location command_line = { 0 };
        struct config *config = loading->config;

        for (size_t i = 0; i < overrides->job_count; i++) {
                uint64_t id = overrides->job_ids[i];
                if (id == 0 || id > INT64_MAX) {
                        diagnostics_error(loading->diagnostics, command_line,
                                          "invalid job ID in --job %" PRIu64
                                          "; write a number from 1 to 9223372036854775807",
                                          id);
                        continue;
                }
                const struct known_job *known = find_job(loading, id);
                struct job_config *job = known != NULL ? &config->jobs[known->index] : add_job(loading);
                if (job == NULL)
                        return;
                job->id = id;
                job->from_command_line = true;
        }
        if (overrides->exit_when_done)
                config->exit_when = EXIT_DONE;
        if (overrides->log_level >= 0)
                config->log.level = overrides->log_level;
        if (overrides->log_target >= 0)
                config->log.target = (enum log_target)overrides->log_target;
        if (overrides->state_directory != NULL) {
                free(config->state_directory);
                config->state_directory =
                        diagnostics_note_memory(loading->diagnostics, strdup(overrides->state_directory));
        }
}

/* Fills in the configuration. Errors, -ENOMEM included, go to the diagnostics. */
static void build(struct loading *loading, const struct config_overrides *overrides)
{
        static const struct config_overrides none = { .log_level = -1, .log_target = -1 };
        struct diagnostics *diagnostics = loading->diagnostics;
        struct config *config = loading->config;

        if (overrides == NULL)
                overrides = &none;
        build_sections(loading);
        apply_overrides(loading, overrides);
        tdestroy(loading->known_jobs, free);
        if (diagnostics->error == 0)
                config_check(config, loading->settings, overrides, diagnostics);
        if (diagnostics->error == 0)
                (void)diagnostics_note(diagnostics,
                                       status_rules_new(config->status_failure.items,
                                                        config->status_success.items,
                                                        config->status_running.items,
                                                        config->failed_result.items, &config->status_rules));
}

/* Builds the configuration from settings that were read, and clears them. */
static int load_settings(const char *path, struct settings *settings,
                         const struct config_overrides *overrides, struct diagnostics *diagnostics,
                         struct config **ret_config)
{
        struct loading loading = { .settings = settings, .diagnostics = diagnostics };
        struct config *config = diagnostics_note_memory(diagnostics, calloc(1, sizeof(*config)));

        if (config != NULL) {
                config->references = 1;
                config->path = diagnostics_note_memory(diagnostics, strdup(path));
        }
        /* If nothing could be read, further errors would only follow from that. */
        if (config != NULL && diagnostics->error == 0 &&
            !(diagnostics->problems->errors > 0 && settings->count == 0)) {
                loading.config = config;
                build(&loading, overrides);
        }
        settings_clear(settings);
        diagnostics_finish(diagnostics);
        if (diagnostics->error < 0 || diagnostics->problems->errors > 0) {
                config_free(config);
                return diagnostics->error < 0 ? diagnostics->error : -EINVAL;
        }
        *ret_config = config;
        return 0;
}

int config_load_memory(const char *path, const char *data, size_t size,
                       const struct config_overrides *overrides, struct config_problems *problems,
                       struct config **ret_config)
{
        struct settings settings = { 0 };
        struct diagnostics diagnostics = { .problems = problems };

        const struct config_file *file =
                diagnostics_note_memory(&diagnostics, settings_add_file(&settings, path));
        if (file != NULL)
                settings_read(&settings, file, data, size, &diagnostics);
        return load_settings(path, &settings, overrides, &diagnostics, ret_config);
}

int config_load(const char *path, const struct config_overrides *overrides, struct config_problems *problems,
                struct config **ret_config)
{
        struct settings settings = { 0 };
        struct diagnostics diagnostics = { .problems = problems };

        config_files_read(path, &settings, &diagnostics);
        return load_settings(path, &settings, overrides, &diagnostics, ret_config);
}
