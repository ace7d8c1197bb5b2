/* SPDX-License-Identifier: MIT */

/*
 * Checks of keys in combination: those that require or exclude each other, and names that must exist. Each
 * error has the location of the line to change. Nothing is concluded from a value that was refused, or that
 * may be in a line or section that was.
 */

#include "config/config_check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/suggestion.h"
#include "config/value_checks.h"
#include "config/value_syntax.h"
#include "util/argv.h"
#include "util/cleanup.h"
#include "util/text.h"
#include "util/timespan.h"

DEFINE_CLEANUP(char *, command_free)

/* The location of a key; if it is not given, of its section, else the main file. `section` may be NULL. */
static struct location location_of(const struct config_sources *sources,
                                   const struct section_settings *section, const char *key)
{
        const struct setting *setting = section_find(section, key);

        if (setting != NULL)
                return setting->location;
        return section != NULL ? section->location : (struct location){ sources->main_file, 0 };
}

/* Whether the value of a key, or its default, is what the files say. `section` may be NULL. */
static bool is_certain(const struct config_sources *sources, const struct section_settings *section,
                       const char *key)
{
        const struct setting *setting = section_find(section, key);

        return !sources->settings->damaged && (section == NULL || !section->damaged) &&
               (setting == NULL || !setting->refused);
}

static void check_api(const struct config *config, const struct config_sources *sources,
                      struct diagnostics *diagnostics)
{
        const struct section_settings *section = settings_find_section(sources->settings, SECTION_API, NULL);
        const struct api_config *api = &config->api;
        const char *method = api->auth == AUTH_BASIC ? "basic" : "password";

        if (!is_certain(sources, section, "auth"))
                return;
        if (api->auth == AUTH_TOKEN) {
                if (api->token_file[0] == '\0' && is_certain(sources, section, "token_file"))
                        diagnostics_error(diagnostics, location_of(sources, section, "token_file"),
                                          "auth = token needs token_file; "
                                          "write the name of a credential or an absolute path, "
                                          "or remove the line");
                return;
        }
        if (api->username[0] == '\0' && is_certain(sources, section, "username"))
                diagnostics_error(diagnostics, location_of(sources, section, "auth"),
                                  "auth = %s needs a username; add \"username = NAME\" to [api]", method);
        if (api->password_file[0] == '\0' && is_certain(sources, section, "password_file"))
                diagnostics_error(diagnostics, location_of(sources, section, "password_file"),
                                  "auth = %s needs password_file; "
                                  "write the name of a credential or an absolute path, or remove the line",
                                  method);
}

static void check_poll(const struct config *config, const struct config_sources *sources,
                       struct diagnostics *diagnostics)
{
        const struct section_settings *section = settings_find_section(sources->settings, SECTION_POLL, NULL);
        char interval[TIMESPAN_TEXT_MAX], most[TIMESPAN_TEXT_MAX];

        if (config->poll.max_interval_us >= config->poll.interval_us ||
            !is_certain(sources, section, "interval") || !is_certain(sources, section, "max_interval"))
                return;
        (void)timespan_format(config->poll.interval_us, interval);
        (void)timespan_format(config->poll.max_interval_us, most);
        if (section_find(section, "max_interval") == NULL)
                diagnostics_error(diagnostics, location_of(sources, section, "interval"),
                                  "interval (%s) is longer than max_interval (default %s); "
                                  "add \"max_interval = %s\" or more",
                                  interval, most, interval);
        else
                diagnostics_error(diagnostics, location_of(sources, section, "max_interval"),
                                  "max_interval (%s) is shorter than interval (%s); write %s or more", most,
                                  interval, interval);
}

/* The same for a job, where one or both values may be those of [poll]. */
static void check_job_intervals(const struct job_config *job, const struct config_sources *sources,
                                const struct section_settings *section, struct diagnostics *diagnostics)
{
        bool own_interval = section_find(section, "interval") != NULL;
        bool own_most = section_find(section, "max_interval") != NULL;
        const struct section_settings *general = settings_find_section(sources->settings, SECTION_POLL, NULL);
        char interval[TIMESPAN_TEXT_MAX], most[TIMESPAN_TEXT_MAX];

        /* If both are those of [poll], check_poll() reports it. */
        if (job->poll.max_interval_us >= job->poll.interval_us || (!own_interval && !own_most))
                return;
        if (!is_certain(sources, own_interval ? section : general, "interval") ||
            !is_certain(sources, own_most ? section : general, "max_interval"))
                return;
        (void)timespan_format(job->poll.interval_us, interval);
        (void)timespan_format(job->poll.max_interval_us, most);
        if (!own_most)
                diagnostics_error(diagnostics, location_of(sources, section, "interval"),
                                  "interval (%s) is longer than max_interval in [poll] (%s); "
                                  "add \"max_interval = %s\" or more to [job %s]",
                                  interval, most, interval, job->name);
        else if (!own_interval)
                diagnostics_error(diagnostics, location_of(sources, section, "max_interval"),
                                  "max_interval (%s) is shorter than interval in [poll] (%s); "
                                  "add \"interval = %s\" or less to [job %s]",
                                  most, interval, most, job->name);
        else
                diagnostics_error(diagnostics, location_of(sources, section, "max_interval"),
                                  "max_interval (%s) is shorter than interval (%s); write %s or more", most,
                                  interval, interval);
}

static const char *nearest_hook(const struct config *config, const char *name)
{
        struct suggestion suggestion = suggestion_start(name);

        for (size_t i = 0; i < config->hook_count; i++)
                suggestion_consider(&suggestion, config->hooks[i].name);
        return suggestion.nearest;
}

static void check_job_hooks(const struct config *config, const struct config_sources *sources,
                            const struct section_settings *section, struct diagnostics *diagnostics)
{
        const struct setting *hooks = section_find(section, "hooks");

        if (sources->settings->damaged)
                return;
        for (size_t i = 0; hooks != NULL && i < hooks->count; i++) {
                const struct setting_text *text = &hooks->texts[i];
                if (settings_find_section(sources->settings, SECTION_HOOK, text->text) != NULL ||
                    check_name(text->text) != NULL)
                        continue;
                const char *nearest = nearest_hook(config, text->text);
                if (nearest != NULL)
                        diagnostics_error(diagnostics, text->location,
                                          "unknown hook \"%s\"; did you mean \"%s\"?", text->text, nearest);
                else
                        diagnostics_error(diagnostics, text->location,
                                          "unknown hook \"%s\"; add a section [hook %s], or remove the name",
                                          text->text, text->text);
        }
}

struct job_reference {
        uint64_t id;
        size_t index;
};

static int compare_references(const void *left_pointer, const void *right_pointer)
{
        const struct job_reference *left = left_pointer, *right = right_pointer;

        if (left->id != right->id)
                return left->id < right->id ? -1 : 1;
        return (left->index > right->index) - (left->index < right->index);
}

/* Duplicate ids. Sorted to find them, since there may be many jobs. */
static void check_duplicates(const struct config *config, const struct config_sources *sources,
                             struct diagnostics *diagnostics)
{
        char first[LOCATION_TEXT_MAX];

        if (config->job_count < 2)
                return;
        CLEANUP(cleanup_free)
        struct job_reference *references = calloc(config->job_count, sizeof(*references));
        if (references == NULL) {
                diagnostics_no_memory(diagnostics);
                return;
        }
        for (size_t i = 0; i < config->job_count; i++)
                references[i] = (struct job_reference){ config->jobs[i].id, i };
        qsort(references, config->job_count, sizeof(*references), compare_references);

        for (size_t i = 1; i < config->job_count; i++)
                if (references[i].id != 0 && references[i].id == references[i - 1].id)
                        diagnostics_error(
                                diagnostics, sources->job_locations[references[i].index],
                                "job %" PRIu64 " is listed twice, also at %s; remove one of the two",
                                references[i].id,
                                location_format(sources->job_locations[references[i - 1].index], first));
}

static void check_jobs(const struct config *config, const struct config_sources *sources,
                       struct diagnostics *diagnostics)
{
        const struct section_settings *plain = settings_find_section(sources->settings, SECTION_JOBS, NULL);
        const struct setting *ids = section_find(plain, "ids");

        if (config->job_count == 0 && (ids == NULL || ids->count == 0) && is_certain(sources, plain, "ids"))
                diagnostics_error(diagnostics, location_of(sources, plain, "ids"),
                                  "no jobs to watch; add \"ids = NUMBER\" under [jobs], or use --job NUMBER");

        for (size_t i = 0; i < config->job_count; i++) {
                const struct section_settings *section = sources->job_sections[i];
                if (section == NULL)
                        continue;
                if (section_find(section, "id") == NULL && !section->damaged)
                        diagnostics_error(diagnostics, section->location,
                                          "[job %s] has no id; add \"id = NUMBER\"", section->name);
                check_job_intervals(&config->jobs[i], sources, section, diagnostics);
                check_job_hooks(config, sources, section, diagnostics);
        }
        check_duplicates(config, sources, diagnostics);
}

/* The number of unit, exec, url and url_file in the section, and the last one of them. */
static size_t count_targets(const struct section_settings *section, const struct setting **ret_last)
{
        size_t count = 0;

        for (size_t i = 0; i < section->count; i++) {
                const struct setting *setting = &section->settings[i];
                bool given = setting->refused || (setting->count > 0 && setting->texts[0].text[0] != '\0');
                if (setting->key->kind != KIND_TARGET || !given)
                        continue;
                *ret_last = setting;
                count++;
        }
        return count;
}

static void check_url_key(const char *key, const char *value, const struct config_sources *sources,
                          const struct section_settings *section, const struct setting *target,
                          struct diagnostics *diagnostics)
{
        if (value[0] != '\0')
                diagnostics_error(diagnostics, location_of(sources, section, key),
                                  "%s is for url hooks only, but [hook %s] has %s; remove the line", key,
                                  section->name, target->key->name);
}

/* Split here as the hook will split it, so that no command is refused only when it is to run. */
static void check_command(const struct hook_config *hook, struct location location,
                          struct diagnostics *diagnostics)
{
        CLEANUP(cleanup_command_free) char **words = NULL;

        if (hook->kind != HOOK_EXEC || hook->target == NULL)
                return;
        int r = argv_split(hook->target, &words);
        if (r == -ENOMEM)
                diagnostics_no_memory(diagnostics);
        else if (r < 0)
                diagnostics_error(diagnostics, location,
                                  "exec = %.*s is invalid: unclosed quote or unknown escape; "
                                  "write \\\" or \\\\ for the character itself",
                                  (int)text_cut(hook->target, strlen(hook->target), 200), hook->target);
}

static void check_hook(const struct hook_config *hook, const struct config_sources *sources,
                       const struct section_settings *section, struct diagnostics *diagnostics)
{
        const struct setting *target = NULL, *on = section_find(section, "on");
        size_t targets = count_targets(section, &target);

        if (targets == 0 && !section->damaged)
                diagnostics_error(diagnostics, section->location,
                                  "[hook %s] has no target; add unit, exec, url or url_file", section->name);
        if (targets > 1)
                diagnostics_error(diagnostics, target->location,
                                  "[hook %s] has more than one of unit, exec, url and url_file; "
                                  "keep one, and move the others to other sections",
                                  section->name);
        if (on != NULL && on->count == 0 && on->replaced_by != NULL && !on->refused)
                diagnostics_error(diagnostics, on->location,
                                  "on is empty: the hook would never run; "
                                  "write events, as in \"on = succeeded, failed\", or remove the line");
        if (targets == 1)
                check_command(hook, target->location, diagnostics);
        if (targets != 1 || target->key->hook_kind == HOOK_URL)
                return;
        check_url_key("secret_file", hook->secret_file, sources, section, target, diagnostics);
        check_url_key("header_file", hook->header_file, sources, section, target, diagnostics);
        check_url_key("ca_file", hook->ca_file, sources, section, target, diagnostics);
}

/* Like a directory in a file, since --print-config must be able to print it. */
static void check_state_directory(const struct config_sources *sources, struct diagnostics *diagnostics)
{
        const char *directory = sources->overrides->state_directory, *hint = NULL;
        CLEANUP(cleanup_free) char *text = NULL;

        if (directory == NULL)
                return;
        struct ini_line line = { .text = directory, .size = strlen(directory) };
        if (value_text_read(&line, NULL, &text, &hint) == -ENOMEM) {
                diagnostics_no_memory(diagnostics);
                return;
        }
        if (directory[0] != '/')
                hint = "write an absolute path";
        else if (text == NULL || strcmp(text, directory) != 0 ||
                 text_visible_size(directory, line.size) < line.size)
                hint = "write a path without \" ;\", \" # \", a blank at its end, or characters that are not "
                       "visible";
        if (hint != NULL)
                diagnostics_error(diagnostics, (struct location){ 0 }, "--state-dir %s is invalid: %s",
                                  directory, hint);
}

void config_check(const struct config *config, const struct config_sources *sources,
                  struct diagnostics *diagnostics)
{
        check_api(config, sources, diagnostics);
        check_poll(config, sources, diagnostics);
        check_jobs(config, sources, diagnostics);
        for (size_t i = 0; i < config->hook_count; i++)
                check_hook(&config->hooks[i], sources, sources->hook_sections[i], diagnostics);
        check_state_directory(sources, diagnostics);
}
