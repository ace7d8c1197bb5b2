/* SPDX-License-Identifier: MIT */

/*
 * Checks of keys in combination: those that require or exclude each other, and names that must exist. Each
 * error has the location of the line to change. Nothing is concluded from a value that was refused, or that
 * may be in a line or section that was.
 */

#include "config/config_check.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "config/suggestion.h"
#include "config/value_syntax.h"
#include "util/argv.h"
#include "util/cleanup.h"
#include "util/text.h"
#include "util/timespan.h"

DEFINE_CLEANUP(char *, command_free)

struct check {
        const struct config *config;
        const struct settings *settings;
        struct diagnostics *diagnostics;
};

/* The location of a key; if it is not given, of its section, else the main file. `section` may be NULL. */
static struct location location_of(const struct check *check, const struct section_settings *section,
                                   const char *key)
{
        const struct setting *setting = section_find(section, key);

        if (setting != NULL)
                return setting->location;
        return section != NULL ? section->location : (struct location){ check->settings->files[0], 0 };
}

/* Whether the value of a key, or its default, is what the files say. `section` may be NULL. */
static bool is_certain(const struct check *check, const struct section_settings *section, const char *key)
{
        const struct setting *setting = section_find(section, key);

        return !check->settings->damaged && (section == NULL || !section->damaged) &&
               (setting == NULL || !setting->refused);
}

static void check_api(const struct check *check)
{
        const struct section_settings *section = settings_find_section(check->settings, SECTION_API, NULL);
        const struct api_config *api = &check->config->api;
        bool is_token = api->auth == AUTH_TOKEN;
        const char *method = is_token ? "token" : api->auth == AUTH_BASIC ? "basic" : "password";
        const char *file_key = is_token ? "token_file" : "password_file";
        const char *file = is_token ? api->token_file : api->password_file;

        if (!is_certain(check, section, "auth"))
                return;
        if (!is_token && api->username[0] == '\0' && is_certain(check, section, "username"))
                diagnostics_error(check->diagnostics, location_of(check, section, "auth"),
                                  "auth = %s needs a username; add \"username = NAME\" to [api]", method);
        if (file[0] == '\0' && is_certain(check, section, file_key))
                diagnostics_error(check->diagnostics, location_of(check, section, file_key),
                                  "auth = %s needs %s; "
                                  "write the name of a credential or an absolute path, or remove the line",
                                  method, file_key);
}

/*
 * Checks that an interval is not longer than the longest, in [poll] or in a section with a NAME. There, one
 * or both values may be those of [poll].
 */
static void check_intervals(const struct check *check, const struct poll_config *poll,
                            const struct section_settings *section)
{
        bool is_named = section != NULL && section->name != NULL;
        const struct section_settings *general = settings_find_section(check->settings, SECTION_POLL, NULL);
        bool own_interval = section_find(section, "interval") != NULL;
        bool own_most = section_find(section, "max_interval") != NULL;
        struct location at = location_of(check, section, own_most ? "max_interval" : "interval");
        char interval[TIMESPAN_TEXT_MAX], most[TIMESPAN_TEXT_MAX];

        /* If both are those of [poll], that is reported there. */
        if (poll->max_interval_us >= poll->interval_us || (!own_interval && !own_most) ||
            !is_certain(check, own_interval ? section : general, "interval") ||
            !is_certain(check, own_most ? section : general, "max_interval"))
                return;
        (void)timespan_format(poll->interval_us, interval);
        (void)timespan_format(poll->max_interval_us, most);
        if (!own_most && !is_named)
                diagnostics_error(check->diagnostics, at,
                                  "interval (%s) is longer than max_interval (default %s); "
                                  "add \"max_interval = %s\" or more",
                                  interval, most, interval);
        else if (!own_most)
                diagnostics_error(check->diagnostics, at,
                                  "interval (%s) is longer than max_interval in [poll] (%s); "
                                  "add \"max_interval = %s\" or more to [%s %s]",
                                  interval, most, interval, config_section_name(section->section),
                                  section->name);
        else if (!own_interval && is_named)
                diagnostics_error(check->diagnostics, at,
                                  "max_interval (%s) is shorter than interval in [poll] (%s); "
                                  "add \"interval = %s\" or less to [%s %s]",
                                  most, interval, most, config_section_name(section->section), section->name);
        else
                diagnostics_error(check->diagnostics, at,
                                  "max_interval (%s) is shorter than interval (%s); write %s or more", most,
                                  interval, interval);
}

void check_hook_name(const struct settings *settings, const char *name, struct location location,
                     struct diagnostics *diagnostics)
{
        struct suggestion suggestion = suggestion_start(name);

        if (settings->damaged || settings_find_section(settings, SECTION_HOOK, name) != NULL)
                return;
        for (size_t i = 0; i < settings->count; i++)
                if (settings->sections[i]->section == SECTION_HOOK)
                        suggestion_consider(&suggestion, settings->sections[i]->name);
        if (suggestion.nearest != NULL)
                diagnostics_error(diagnostics, location, "unknown hook \"%s\"; did you mean \"%s\"?", name,
                                  suggestion.nearest);
        else
                diagnostics_error(diagnostics, location,
                                  "unknown hook \"%s\"; add a section [hook %s], or remove the name", name,
                                  name);
}

static void check_jobs(const struct check *check)
{
        const struct section_settings *plain = settings_find_section(check->settings, SECTION_JOBS, NULL);

        if (check->config->job_count == 0 && check->config->discover_count == 0 &&
            is_certain(check, plain, "ids"))
                diagnostics_error(check->diagnostics, location_of(check, plain, "ids"),
                                  "no jobs to watch; add \"ids = NUMBER\" under [jobs], add a section "
                                  "[discover NAME], or use --job NUMBER");

        for (size_t i = 0; i < check->settings->count; i++) {
                const struct section_settings *section = check->settings->sections[i];
                if (section->section != SECTION_JOB)
                        continue;
                if (section_find(section, "id") == NULL && !section->damaged)
                        diagnostics_error(check->diagnostics, section->location,
                                          "[job %s] has no id; add \"id = NUMBER\"", section->name);
                check_intervals(check, &check->config->jobs[section->index].poll, section);
        }
}

static void check_discovery(const struct check *check, const struct config_overrides *overrides)
{
        static const struct location command_line = { 0 };
        const struct section_settings *exit = settings_find_section(check->settings, SECTION_EXIT, NULL);
        const struct config *config = check->config;

        for (size_t i = 0; i < check->settings->count; i++) {
                const struct section_settings *section = check->settings->sections[i];
                if (section->section == SECTION_DISCOVER)
                        check_intervals(check, &config->discovers[section->index].poll, section);
        }
        if (config->discover_count > 0 && config->exit_when == EXIT_DONE)
                diagnostics_error(check->diagnostics,
                                  overrides->exit_when_done ? command_line : location_of(check, exit, "when"),
                                  "%s has no meaning with [discover %s], since new jobs may always appear; "
                                  "remove one of the two",
                                  overrides->exit_when_done ? "--exit-when-done" : "when = done",
                                  config->discovers[0].name);
}

const struct setting *section_target(const struct section_settings *section, size_t *ret_count)
{
        const struct setting *last = NULL;
        size_t count = 0;

        assert(section->section == SECTION_HOOK);
        for (size_t i = 0; i < section->count; i++) {
                const struct setting *setting = &section->settings[i];
                if (!setting->key->is_target || (setting->empty && !setting->refused))
                        continue;
                last = setting;
                count++;
        }
        if (ret_count != NULL)
                *ret_count = count;
        return last;
}

/* Split here as the hook will split it, so that no command is refused only when it is to run. */
static void check_command(const struct check *check, const char *command, struct location location)
{
        CLEANUP(cleanup_command_free) char **words = NULL;

        if (diagnostics_note(check->diagnostics, argv_split(command, &words)) == -EINVAL)
                diagnostics_error(check->diagnostics, location,
                                  "exec = %.*s is invalid: unclosed quote or unknown escape; "
                                  "write \\\" or \\\\ for the character itself",
                                  (int)text_cut(command, strlen(command), 200), command);
}

static void check_hook(const struct check *check, const struct section_settings *section)
{
        static const char *const url_keys[] = { "secret_file", "header_file", "ca_file" };
        const struct hook_config *hook = &check->config->hooks[section->index];
        const char *const url_values[] = { hook->secret_file, hook->header_file, hook->ca_file };
        const struct setting *on = section_find(section, "on");
        size_t targets;
        const struct setting *target = section_target(section, &targets);

        if (targets == 0 && !section->damaged)
                diagnostics_error(check->diagnostics, section->location,
                                  "[hook %s] has no target; add unit, exec, url or url_file", section->name);
        if (targets > 1)
                diagnostics_error(check->diagnostics, target->location,
                                  "[hook %s] has more than one of unit, exec, url and url_file; "
                                  "keep one, and move the others to other sections",
                                  section->name);
        if (on != NULL && hook->on == 0 && !on->refused)
                diagnostics_error(check->diagnostics, on->location,
                                  "on is empty: the hook would never run; "
                                  "write events, as in \"on = succeeded, failed\", or remove the line");
        if (targets == 1 && hook->kind == HOOK_EXEC && hook->target != NULL)
                check_command(check, hook->target, target->location);
        for (size_t i = 0; targets == 1 && hook->kind != HOOK_URL && i < 3; i++)
                if (url_values[i][0] != '\0')
                        diagnostics_error(check->diagnostics, location_of(check, section, url_keys[i]),
                                          "%s is for url hooks only, but [hook %s] has %s; remove the line",
                                          url_keys[i], section->name, target->key->name);
}

/* Like a directory in a file, since --print-config must be able to print it. */
static void check_state_directory(const char *directory, struct diagnostics *diagnostics)
{
        const struct ini_line line = { .text = directory, .size = strlen(directory) };
        struct ini_line text = { .size = 0 };
        const char *hint = NULL;

        (void)value_text_read(&line, NULL, &text);
        if (directory[0] != '/')
                hint = "write an absolute path";
        else if (text.size != line.size || text_visible_size(directory, line.size) < line.size)
                hint = "write a path without \" ;\", \" # \", a blank at its end, or characters that are not "
                       "visible";
        if (hint != NULL)
                diagnostics_error(diagnostics, (struct location){ 0 }, "--state-dir %s is invalid: %s",
                                  directory, hint);
}

void config_check(const struct config *config, const struct settings *settings,
                  const struct config_overrides *overrides, struct diagnostics *diagnostics)
{
        const struct check check = { config, settings, diagnostics };

        check_api(&check);
        check_intervals(&check, &config->poll, settings_find_section(settings, SECTION_POLL, NULL));
        check_jobs(&check);
        check_discovery(&check, overrides);
        for (size_t i = 0; i < settings->count; i++)
                if (settings->sections[i]->section == SECTION_HOOK)
                        check_hook(&check, settings->sections[i]);
        if (overrides->state_directory != NULL)
                check_state_directory(overrides->state_directory, diagnostics);
}
