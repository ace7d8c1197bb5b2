/* SPDX-License-Identifier: MIT */

/*
 * Builds the configuration: the files are read and merged into settings, every key gets its default and then
 * its setting, the command line overrides them, and finally everything that concerns more than one value is
 * checked. Each step reports errors and goes on, so that all of them are shown at once.
 */

#include "config/config_load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_check.h"
#include "config/config_files.h"
#include "config/value_syntax.h"
#include "config/values.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/text.h"

static void add_default_items(const struct config_key *key, void *base, struct diagnostics *diagnostics)
{
        static const struct location none = { 0 };
        const struct ini_line line = { .text = key->default_text, .size = strlen(key->default_text) };
        size_t at = 0;

        for (;;) {
                CLEANUP(cleanup_free) char *item = NULL;
                const char *hint = NULL;
                int r = list_item_read(&line, &at, &item, &hint);
                if (r < 0)
                        diagnostics_no_memory(diagnostics);
                if (r <= 0)
                        return;
                (void)value_add(key, item, none, base, diagnostics);
        }
}

/* The defaults of a section. They are valid, so that only memory can run out. */
static void set_defaults(enum config_section section, void *base, struct diagnostics *diagnostics)
{
        static const struct location none = { 0 };

        for (size_t i = 0; i < config_key_count; i++) {
                const struct config_key *key = &config_keys[i];
                if (key->section != section || key->default_text == NULL)
                        continue;
                if (config_kind_is_list(key->kind))
                        add_default_items(key, base, diagnostics);
                else
                        (void)value_set(key, key->default_text, none, base, diagnostics);
        }
}

static void set_scalar(struct setting *setting, void *base, struct diagnostics *diagnostics)
{
        const struct config_key *key = setting->key;
        const struct setting_text *text = &setting->texts[0];

        /* An empty target counts as not given, so that a drop-in can remove it. */
        if (key->kind == KIND_TARGET && text->text[0] == '\0')
                return;
        if (!value_set(key, text->text, text->location, base, diagnostics))
                setting->refused = true;
}

static void set_list(struct setting *setting, void *base, struct diagnostics *diagnostics)
{
        if (setting->replaced_by != NULL)
                value_clear(setting->key, base);
        for (size_t i = 0; i < setting->count; i++)
                if (!value_add(setting->key, setting->texts[i].text, setting->texts[i].location, base,
                               diagnostics))
                        setting->refused = true;
}

/* Overrides the defaults with the settings of a section, which may be NULL. */
static void apply_section(const struct section_settings *section, void *base, struct diagnostics *diagnostics)
{
        for (size_t i = 0; section != NULL && i < section->count; i++) {
                struct setting *setting = &section->settings[i];
                if (setting->key->kind == KIND_ID_LIST)
                        continue;
                if (config_kind_is_list(setting->key->kind))
                        set_list(setting, base, diagnostics);
                else if (setting->count > 0)
                        set_scalar(setting, base, diagnostics);
        }
}

static struct job_config *add_job(struct config *config, struct config_sources *sources,
                                  struct location location, const struct section_settings *section,
                                  struct diagnostics *diagnostics)
{
        struct job_config *jobs = array_grow(config->jobs, config->job_count, sizeof(*jobs));
        if (jobs != NULL)
                config->jobs = jobs;
        struct location *locations =
                array_grow(sources->job_locations, config->job_count, sizeof(*locations));
        if (locations != NULL)
                sources->job_locations = locations;
        const struct section_settings **sections =
                array_grow(sources->job_sections, config->job_count, sizeof(*sections));
        if (sections != NULL)
                sources->job_sections = sections;
        if (jobs == NULL || locations == NULL || sections == NULL) {
                diagnostics_no_memory(diagnostics);
                return NULL;
        }
        locations[config->job_count] = location;
        sections[config->job_count] = section;
        jobs[config->job_count] = (struct job_config){ .poll = config->poll };
        return &jobs[config->job_count++];
}

static void build_plain_jobs(struct config *config, struct config_sources *sources,
                             struct diagnostics *diagnostics)
{
        const struct setting *ids =
                section_find(settings_find_section(sources->settings, SECTION_JOBS, NULL), "ids");

        for (size_t i = 0; ids != NULL && i < ids->count; i++) {
                const struct setting_text *text = &ids->texts[i];
                uint64_t id;
                if (job_id_parse(text->text, &id) < 0) {
                        diagnostics_error(diagnostics, text->location,
                                          "invalid job ID \"%.*s\"; "
                                          "write numbers from 1 to 9223372036854775807, separated by commas",
                                          (int)text_cut(text->text, strlen(text->text), 100), text->text);
                        continue;
                }
                struct job_config *job = add_job(config, sources, text->location, NULL, diagnostics);
                if (job == NULL)
                        return;
                job->id = id;
        }
}

static void build_named_jobs(struct config *config, struct config_sources *sources,
                             struct diagnostics *diagnostics)
{
        for (size_t i = 0; i < sources->settings->count; i++) {
                const struct section_settings *section = sources->settings->sections[i];
                if (section->section != SECTION_JOB)
                        continue;

                const struct setting *id = section_find(section, "id");
                struct job_config *job = add_job(
                        config, sources, id != NULL ? id->location : section->location, section, diagnostics);
                if (job == NULL)
                        return;
                job->hooks_given = section_find(section, "hooks") != NULL;
                job->name = strdup(section->name);
                if (job->name == NULL)
                        diagnostics_no_memory(diagnostics);
                apply_section(section, job, diagnostics);
        }
}

/* "FILE:LINE" of a setting, or the path of the main file if it is not given. The caller frees it. */
static char *location_text(const struct config *config, const struct section_settings *section,
                           const char *key, struct diagnostics *diagnostics)
{
        const struct setting *setting = section != NULL ? section_find(section, key) : NULL;
        char location[LOCATION_TEXT_MAX];

        char *where = strdup(setting != NULL ? location_format(setting->location, location) : config->path);
        if (where == NULL)
                diagnostics_no_memory(diagnostics);
        return where;
}

/* The last file that replaces the list, since what other files add to it would be lost. */
static void set_status_file(struct config *config, const struct settings *settings,
                            struct diagnostics *diagnostics)
{
        const struct setting *success =
                section_find(settings_find_section(settings, SECTION_STATUS, NULL), "success");

        config->status_file = strdup(
                success != NULL && success->replaced_by != NULL ? success->replaced_by->path : config->path);
        if (config->status_file == NULL)
                diagnostics_no_memory(diagnostics);
}

static const char *target_key(const struct hook_config *hook)
{
        switch (hook->kind) {
        case HOOK_UNIT:
                return "unit";
        case HOOK_EXEC:
                return "exec";
        case HOOK_URL:
                break;
        }
        return hook->url_file != NULL ? "url_file" : "url";
}

static void build_hooks(struct config *config, struct config_sources *sources,
                        struct diagnostics *diagnostics)
{
        for (size_t i = 0; i < sources->settings->count; i++) {
                const struct section_settings *section = sources->settings->sections[i];
                if (section->section != SECTION_HOOK)
                        continue;

                struct hook_config *hooks = array_grow(config->hooks, config->hook_count, sizeof(*hooks));
                if (hooks != NULL)
                        config->hooks = hooks;
                const struct section_settings **sections =
                        array_grow(sources->hook_sections, config->hook_count, sizeof(*sections));
                if (sections != NULL)
                        sources->hook_sections = sections;
                if (hooks == NULL || sections == NULL) {
                        diagnostics_no_memory(diagnostics);
                        return;
                }
                sections[config->hook_count] = section;

                struct hook_config *hook = &hooks[config->hook_count++];
                *hook = (struct hook_config){ .name = strdup(section->name) };
                if (hook->name == NULL)
                        diagnostics_no_memory(diagnostics);
                set_defaults(SECTION_HOOK, hook, diagnostics);
                apply_section(section, hook, diagnostics);
                hook->where = location_text(config, section, target_key(hook), diagnostics);
                hook->where_secret_file = location_text(config, section, "secret_file", diagnostics);
                hook->where_header_file = location_text(config, section, "header_file", diagnostics);
                hook->where_ca_file = location_text(config, section, "ca_file", diagnostics);
        }
}

static struct job_config *find_job(const struct config *config, uint64_t id)
{
        for (size_t i = 0; i < config->job_count; i++)
                if (config->jobs[i].id == id)
                        return &config->jobs[i];
        return NULL;
}

static void apply_overrides(struct config *config, struct config_sources *sources,
                            struct diagnostics *diagnostics)
{
        const struct config_overrides *overrides = sources->overrides;
        struct location command_line = { 0 };

        for (size_t i = 0; i < overrides->job_count; i++) {
                uint64_t id = overrides->job_ids[i];
                if (id == 0 || id > INT64_MAX) {
                        diagnostics_error(diagnostics, command_line,
                                          "invalid job ID in --job %" PRIu64
                                          "; write a number from 1 to 9223372036854775807",
                                          id);
                        continue;
                }
                struct job_config *job = find_job(config, id);
                if (job == NULL)
                        job = add_job(config, sources, command_line, NULL, diagnostics);
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
                char *copy = strdup(overrides->state_directory);
                if (copy == NULL) {
                        diagnostics_no_memory(diagnostics);
                        return;
                }
                free(config->state_directory);
                config->state_directory = copy;
        }
}

static struct config *build(const char *path, struct config_sources *sources, struct diagnostics *diagnostics)
{
        CLEANUP(cleanup_free) struct config *config = calloc(1, sizeof(*config));
        if (config == NULL || (config->path = strdup(path)) == NULL) {
                diagnostics_no_memory(diagnostics);
                return NULL;
        }
        config->references = 1;

        for (unsigned i = 0; i < SECTION_COUNT; i++) {
                enum config_section section = (enum config_section)i;
                if (config_section_is_named(section))
                        continue;
                set_defaults(section, config, diagnostics);
                apply_section(settings_find_section(sources->settings, section, NULL), config, diagnostics);
        }
        const struct section_settings *api = settings_find_section(sources->settings, SECTION_API, NULL);
        config->api.where_secret = location_text(
                config, api, config->api.auth == AUTH_TOKEN ? "token_file" : "password_file", diagnostics);
        config->api.where_ca_file = location_text(config, api, "ca_file", diagnostics);
        set_status_file(config, sources->settings, diagnostics);
        build_hooks(config, sources, diagnostics);
        build_plain_jobs(config, sources, diagnostics);
        build_named_jobs(config, sources, diagnostics);
        apply_overrides(config, sources, diagnostics);

        if (diagnostics->error == 0)
                config_check(config, sources, diagnostics);
        if (diagnostics->error == 0 &&
            status_rules_new(config->status_failure.items, config->status_success.items,
                             config->status_running.items, config->failed_result.items,
                             &config->status_rules) < 0)
                diagnostics_no_memory(diagnostics);
        return STEAL_POINTER(config);
}

/* Builds the configuration from settings that were read, or returns the problems. */
static int load_settings(const char *path, const struct settings *settings,
                         const struct config_overrides *overrides, struct diagnostics *diagnostics,
                         struct config_problems *problems, struct config **ret_config)
{
        static const struct config_overrides none = { .log_level = -1, .log_target = -1 };
        struct config_sources sources = {
                .settings = settings,
                .main_file = settings->file_count > 0 ? settings->files[0] : NULL,
                .overrides = overrides != NULL ? overrides : &none,
        };

        /* If nothing could be read, further errors would only follow from that. */
        struct config *config = NULL;
        if (diagnostics->error == 0 && !(diagnostics->errors > 0 && settings->count == 0))
                config = build(path, &sources, diagnostics);
        free(sources.job_locations);
        free(sources.job_sections);
        free(sources.hook_sections);

        bool invalid = diagnostics->errors > 0;
        int r = diagnostics_finish(diagnostics, problems);
        if (r == 0 && invalid)
                r = -EINVAL;
        if (r < 0) {
                config_free(config);
                return r;
        }
        *ret_config = config;
        return 0;
}

int config_load_memory(const char *path, const char *data, size_t size,
                       const struct config_overrides *overrides, struct config_problems *problems,
                       struct config **ret_config)
{
        struct settings settings = { 0 };
        struct diagnostics diagnostics = { 0 };

        const struct config_file *file = settings_add_file(&settings, path);
        if (file == NULL)
                diagnostics_no_memory(&diagnostics);
        else
                settings_read(&settings, file, data, size, &diagnostics);
        int r = load_settings(path, &settings, overrides, &diagnostics, problems, ret_config);
        settings_clear(&settings);
        return r;
}

int config_load(const char *path, const struct config_overrides *overrides, struct config_problems *problems,
                struct config **ret_config)
{
        struct settings settings = { 0 };
        struct diagnostics diagnostics = { 0 };

        config_files_read(path, &settings, &diagnostics);
        int r = load_settings(path, &settings, overrides, &diagnostics, problems, ret_config);
        settings_clear(&settings);
        return r;
}
