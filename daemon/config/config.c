/* SPDX-License-Identifier: MIT */

/*
 * Building the configuration. The files are first read as a whole into settings (texts with their places),
 * merged by the rules of drop-ins; then every row of the table of keys gets its default and, over it, what
 * was set; then the command line; then the checks that concern more than one value. Every pass reports what
 * it finds and goes on, so that one run shows all that is wrong.
 */

#include "config/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/config_internal.h"
#include "config/values.h"

static void add_default_items(const struct config_key *key, void *base, struct report *report)
{
        static const struct place nowhere = { 0 };
        const char *at = key->default_text;

        for (;;) {
                CLEANUP(cleanup_free) char *item = list_next(&at);
                if (item == NULL)
                        break;
                value_add(key, item, nowhere, base, report);
        }
        if (*at != '\0')
                report_oom(report);
}

/* The defaults of a section; they come from the table, so that only memory can be wrong. */
static void set_defaults(enum config_section section, void *base, struct report *report)
{
        static const struct place nowhere = { 0 };

        for (size_t i = 0; i < config_key_count; i++) {
                const struct config_key *key = &config_keys[i];
                if (key->section != section || key->default_text == NULL)
                        continue;
                if (config_kind_is_list(key->kind))
                        add_default_items(key, base, report);
                else
                        value_set(key, key->default_text, nowhere, base, report);
        }
}

static void set_scalar(const struct setting *setting, void *base, struct report *report)
{
        const struct config_key *key = setting->key;
        const struct setting_text *text = &setting->texts[0];

        /* An empty one means that it is not given, so that a drop-in can take it back. */
        if (key->kind == KIND_TARGET && text->text[0] == '\0')
                return;

        value_set(key, text->text, text->place, base, report);
}

static void set_list(const struct setting *setting, void *base, struct report *report)
{
        value_clear(setting->key, base);
        for (size_t i = 0; i < setting->count; i++)
                value_add(setting->key, setting->texts[i].text, setting->texts[i].place, base, report);
}

/* What a section sets, over the defaults. `section` may be NULL. */
static void set_given(const struct section_settings *section, void *base, struct report *report)
{
        for (size_t i = 0; section != NULL && i < section->count; i++) {
                const struct setting *setting = &section->settings[i];
                if (setting->key->kind == KIND_ID_LIST)
                        continue;
                if (config_kind_is_list(setting->key->kind))
                        set_list(setting, base, report);
                else if (setting->count > 0)
                        set_scalar(setting, base, report);
        }
}

static struct job_config *add_job(struct config *config, struct config_sources *sources, struct place place,
                                  const struct section_settings *section, struct report *report)
{
        struct job_config *jobs = reallocarray(config->jobs, config->job_count + 1, sizeof(*jobs));
        if (jobs != NULL)
                config->jobs = jobs;
        struct place *places = reallocarray(sources->job_places, config->job_count + 1, sizeof(*places));
        if (places != NULL)
                sources->job_places = places;
        const struct section_settings **sections =
                reallocarray(sources->job_sections, config->job_count + 1, sizeof(*sections));
        if (sections != NULL)
                sources->job_sections = sections;
        if (jobs == NULL || places == NULL || sections == NULL) {
                report_oom(report);
                return NULL;
        }
        places[config->job_count] = place;
        sections[config->job_count] = section;
        jobs[config->job_count] = (struct job_config){ .poll = config->poll };
        return &jobs[config->job_count++];
}

static void build_plain_jobs(struct config *config, struct config_sources *sources, struct report *report)
{
        const struct setting *ids =
                section_find(settings_find_section(sources->settings, SECTION_JOBS, NULL), "ids");

        for (size_t i = 0; ids != NULL && i < ids->count; i++) {
                const struct setting_text *text = &ids->texts[i];
                uint64_t id;
                if (job_id_parse(text->text, &id) < 0) {
                        report_error(report, text->place,
                                     "\"%s\" in ids is no id of a job; write numbers from 1 to "
                                     "9223372036854775807, "
                                     "separated by commas",
                                     text->text);
                        continue;
                }
                struct job_config *job = add_job(config, sources, text->place, NULL, report);
                if (job == NULL)
                        return;
                job->id = id;
        }
}

static void build_named_jobs(struct config *config, struct config_sources *sources, struct report *report)
{
        for (size_t i = 0; i < sources->settings->count; i++) {
                const struct section_settings *section = &sources->settings->sections[i];
                if (section->section != SECTION_JOB)
                        continue;

                const struct setting *id = section_find(section, "id");
                struct job_config *job =
                        add_job(config, sources, id != NULL ? id->place : section->place, section, report);
                if (job == NULL)
                        return;
                job->hooks_given = section_find(section, "hooks") != NULL;
                job->name = strdup(section->name);
                if (job->name == NULL)
                        report_oom(report);
                set_given(section, job, report);
        }
}

/* "FILE:LINE" of a setting, or the main file where it is not given; malloc()ed. */
static char *where_of(const struct config *config, const struct section_settings *section, const char *key,
                      struct report *report)
{
        const struct setting *setting = section != NULL ? section_find(section, key) : NULL;
        char place[PLACE_TEXT_MAX];

        char *where = strdup(setting != NULL ? place_format(setting->place, place) : config->path);
        if (where == NULL)
                report_oom(report);
        return where;
}

static const char *target_key(enum hook_kind kind)
{
        switch (kind) {
        case HOOK_UNIT:
                return "unit";
        case HOOK_EXEC:
                return "exec";
        case HOOK_URL:
                break;
        }
        return "url";
}

static void build_hooks(struct config *config, struct config_sources *sources, struct report *report)
{
        for (size_t i = 0; i < sources->settings->count; i++) {
                const struct section_settings *section = &sources->settings->sections[i];
                if (section->section != SECTION_HOOK)
                        continue;

                struct hook_config *hooks =
                        reallocarray(config->hooks, config->hook_count + 1, sizeof(*hooks));
                if (hooks != NULL)
                        config->hooks = hooks;
                const struct section_settings **sections =
                        reallocarray(sources->hook_sections, config->hook_count + 1, sizeof(*sections));
                if (sections != NULL)
                        sources->hook_sections = sections;
                if (hooks == NULL || sections == NULL) {
                        report_oom(report);
                        return;
                }
                sections[config->hook_count] = section;

                struct hook_config *hook = &hooks[config->hook_count++];
                *hook = (struct hook_config){ .name = strdup(section->name) };
                if (hook->name == NULL)
                        report_oom(report);
                set_defaults(SECTION_HOOK, hook, report);
                set_given(section, hook, report);
                hook->where = where_of(config, section, target_key(hook->kind), report);
        }
}

static struct job_config *find_job(const struct config *config, uint64_t id)
{
        for (size_t i = 0; i < config->job_count; i++)
                if (config->jobs[i].id == id)
                        return &config->jobs[i];
        return NULL;
}

static void apply_overrides(struct config *config, struct config_sources *sources, struct report *report)
{
        const struct config_overrides *overrides = sources->overrides;
        struct place command_line = { 0 };

        for (size_t i = 0; i < overrides->job_count; i++) {
                uint64_t id = overrides->job_ids[i];
                if (id == 0 || id > INT64_MAX) {
                        report_error(report, command_line,
                                     "--job %" PRIu64 " is no id of a job; write a number from 1 to "
                                     "9223372036854775807",
                                     id);
                        continue;
                }
                struct job_config *job = find_job(config, id);
                if (job == NULL)
                        job = add_job(config, sources, command_line, NULL, report);
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
                        report_oom(report);
                        return;
                }
                free(config->state_directory);
                config->state_directory = copy;
        }
}

static struct config *build(const char *path, struct config_sources *sources, struct report *report)
{
        CLEANUP(cleanup_free) struct config *config = calloc(1, sizeof(*config));
        if (config == NULL || (config->path = strdup(path)) == NULL) {
                report_oom(report);
                return NULL;
        }
        config->references = 1;

        for (unsigned i = 0; i < SECTION_COUNT; i++) {
                enum config_section section = (enum config_section)i;
                if (config_section_is_named(section))
                        continue;
                set_defaults(section, config, report);
                set_given(settings_find_section(sources->settings, section, NULL), config, report);
        }
        const struct section_settings *api = settings_find_section(sources->settings, SECTION_API, NULL);
        config->api.where_secret = where_of(
                config, api, config->api.auth == AUTH_TOKEN ? "token_file" : "password_file", report);
        config->api.where_ca_file = where_of(config, api, "ca_file", report);
        build_hooks(config, sources, report);
        build_plain_jobs(config, sources, report);
        build_named_jobs(config, sources, report);
        apply_overrides(config, sources, report);

        if (report->error == 0)
                config_check(config, sources, report);
        if (report->error == 0 && status_rules_new(config->status_failure.items, config->status_success.items,
                                                   config->status_running.items, config->failed_result.items,
                                                   &config->status_rules) < 0)
                report_oom(report);
        return STEAL_POINTER(config);
}

/* Turns settings that were read into the configuration, or into problems. */
static int finish(const char *path, const struct settings *settings, const struct config_overrides *overrides,
                  struct report *report, struct config_problems *problems, struct config **ret_config)
{
        static const struct config_overrides none = { .log_level = -1, .log_target = -1 };
        struct config_sources sources = {
                .settings = settings,
                .main_file = settings->file_count > 0 ? settings->files[0] : NULL,
                .overrides = overrides != NULL ? overrides : &none,
        };

        /* Of a file that could not be read, nothing more is to be said. */
        struct config *config = NULL;
        if (report->error == 0 && !(report->errors > 0 && settings->count == 0))
                config = build(path, &sources, report);
        free(sources.job_places);
        free(sources.job_sections);
        free(sources.hook_sections);

        bool wrong = report->errors > 0;
        int r = report_finish(report, problems);
        if (r == 0 && wrong)
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
        struct report report = { 0 };

        const struct config_file *file = settings_add_file(&settings, path);
        if (file == NULL)
                report_oom(&report);
        else
                settings_read(&settings, file, data, size, &report);
        int r = finish(path, &settings, overrides, &report, problems, ret_config);
        settings_clear(&settings);
        return r;
}

int config_load(const char *path, const struct config_overrides *overrides, struct config_problems *problems,
                struct config **ret_config)
{
        struct settings settings = { 0 };
        struct report report = { 0 };

        config_read_files(path, &settings, &report);
        int r = finish(path, &settings, overrides, &report, problems, ret_config);
        settings_clear(&settings);
        return r;
}

struct config *config_ref(struct config *config)
{
        config->references++;
        return config;
}

struct config *config_free(struct config *config)
{
        if (config == NULL || --config->references > 0)
                return NULL;

        for (size_t i = 0; i < config->job_count; i++) {
                free(config->jobs[i].name);
                string_list_clear(&config->jobs[i].hooks);
        }
        free(config->api.where_secret);
        free(config->api.where_ca_file);
        free(config->jobs);
        for (size_t i = 0; i < config->hook_count; i++) {
                free(config->hooks[i].name);
                free(config->hooks[i].target);
                free(config->hooks[i].where);
                free(config->hooks[i].secret_file);
        }
        free(config->hooks);
        free(config->api.base_url);
        free(config->api.token_file);
        free(config->api.username);
        free(config->api.password_file);
        free(config->api.client_id);
        free(config->api.ca_file);
        string_list_clear(&config->status_failure);
        string_list_clear(&config->status_success);
        string_list_clear(&config->status_running);
        string_list_clear(&config->failed_result);
        status_rules_free(config->status_rules);
        free(config->state_directory);
        free(config->path);
        free(config);
        return NULL;
}

const char *config_state_directory(const struct config *config)
{
        static const char fallback[] = "/var/lib/jobwatchd";
        const char *given = getenv("STATE_DIRECTORY");

        if (config->state_directory[0] != '\0')
                return config->state_directory;
        return given != NULL && given[0] != '\0' ? given : fallback;
}
