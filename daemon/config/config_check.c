/* SPDX-License-Identifier: MIT */

/*
 * Checks of keys in combination: those that require or exclude each other, and names that must exist. Each
 * error has the location of the line to change. Nothing is concluded from a section with a line that was
 * refused, nor from what may be below a section header that was.
 */

#include <assert.h>
#include <string.h>

#include "config/loading.h"
#include "config/value_syntax.h"
#include "util/argv.h"
#include "util/cleanup.h"
#include "util/suggestion.h"
#include "util/text.h"
#include "util/timespan.h"

DEFINE_CLEANUP(char *, command_free)

/* The location of a key; if it is not given, of its section. */
static struct location location_of(const struct section *section, const char *key)
{
        const struct key_state *state = section_key(section, key);

        return key_is_given(state) ? state->location : section->location;
}

static void check_api(const struct loading *loading)
{
        const struct section *section = loading_find(loading, SECTION_API, NULL);
        const struct api_config *api = &loading->config->api;
        bool is_token = api->auth == AUTH_TOKEN;
        const char *method = config_auth_to_string(api->auth);
        const char *file_key = is_token ? "token_file" : "password_file";
        const char *file = is_token ? api->token_file : api->password_file;

        if (section->damaged || api->auth == AUTH_LOGIN)
                return;
        if (!is_token && api->username[0] == '\0')
                problems_error(loading->problems, location_of(section, "auth"),
                               "auth = %s needs a username; add \"username = NAME\" to [api]", method);
        if (file[0] == '\0')
                problems_error(loading->problems, location_of(section, file_key),
                               "auth = %s needs %s; "
                               "write the name of a credential or an absolute path, or remove the line",
                               method, file_key);
}

/*
 * Checks that an interval is not longer than the longest, in [poll] or in a section with a NAME. There, one
 * or both values may be those of [poll].
 */
static void check_intervals(const struct loading *loading, const struct poll_config *poll,
                            const struct section *section)
{
        const struct section *general = loading_find(loading, SECTION_POLL, NULL);
        const char *kind = config_section_names[section->kind], *name = section->name;
        bool own_interval = key_is_given(section_key(section, "interval"));
        bool own_most = key_is_given(section_key(section, "max_interval"));
        struct location at = location_of(section, own_most ? "max_interval" : "interval");
        char interval[TIMESPAN_TEXT_MAX], most[TIMESPAN_TEXT_MAX];

        /* If both are those of [poll], that is reported there. */
        if (poll->max_interval_us >= poll->interval_us || (!own_interval && !own_most) ||
            ((!own_interval || !own_most) && (loading->damaged || general->damaged)))
                return;
        (void)timespan_format(poll->interval_us, interval);
        (void)timespan_format(poll->max_interval_us, most);
        if (!own_most && name == NULL)
                problems_error(loading->problems, at,
                               "interval (%s) is longer than max_interval (default %s); "
                               "add \"max_interval = %s\" or more",
                               interval, most, interval);
        else if (!own_most)
                problems_error(loading->problems, at,
                               "interval (%s) is longer than max_interval in [poll] (%s); "
                               "add \"max_interval = %s\" or more to [%s %s]",
                               interval, most, interval, kind, name);
        else if (!own_interval && name != NULL)
                problems_error(loading->problems, at,
                               "max_interval (%s) is shorter than interval in [poll] (%s); "
                               "add \"interval = %s\" or less to [%s %s]",
                               most, interval, most, kind, name);
        else
                problems_error(loading->problems, at,
                               "max_interval (%s) is shorter than interval (%s); write %s or more", most,
                               interval, interval);
}

static void check_hook_names(const struct loading *loading)
{
        const struct config *config = loading->config;

        for (size_t i = 0; i < loading->hook_use_count; i++) {
                const struct hook_use *use = &loading->hook_uses[i];
                if (loading_find(loading, SECTION_HOOK, use->name) != NULL)
                        continue;
                const char *nearest = nearest_word(use->name, (const char *const *)&config->hooks->name,
                                                   sizeof(*config->hooks), config->hook_count);
                if (nearest != NULL)
                        problems_error(loading->problems, use->location,
                                       "unknown hook \"%s\"; did you mean \"%s\"?", use->name, nearest);
                else
                        problems_error(loading->problems, use->location,
                                       "unknown hook \"%s\"; add a section [hook %s], or remove the name",
                                       use->name, use->name);
        }
}

static void check_job(const struct loading *loading, const struct section *section)
{
        if (!key_is_given(section_key(section, "id")))
                problems_error(loading->problems, section->location,
                               "[job %s] has no id; add \"id = NUMBER\"", section->name);
        check_intervals(loading, &section->job.poll, section);
}

static void check_job_count(const struct loading *loading)
{
        const struct section *plain = loading_find(loading, SECTION_JOBS, NULL);

        if (loading->config->job_count == 0 && loading->config->discover_count == 0 && !plain->damaged)
                problems_error(loading->problems, location_of(plain, "ids"),
                               "no jobs to watch; add \"ids = NUMBER\" under [jobs], add a section "
                               "[discover NAME], or use --job NUMBER");
}

static void check_exit(const struct loading *loading, bool is_option)
{
        const struct config *config = loading->config;
        struct location where = { 0 };

        if (!is_option)
                where = location_of(loading_find(loading, SECTION_EXIT, NULL), "when");
        if (config->discover_count > 0 && config->exit_when == EXIT_DONE)
                problems_error(loading->problems, where,
                               "%s has no meaning with [discover %s], since new jobs may always appear; "
                               "remove one of the two",
                               is_option ? "--exit-when-done" : "when = done", config->discovers[0].name);
}

/* Split here as the hook will split it, so that no command is refused only when it is to run. */
static void check_command(const struct loading *loading, const char *command, struct location location)
{
        CLEANUP(cleanup_command_free) char **words = NULL;

        if (argv_split(command, &words) < 0)
                problems_error(loading->problems, location,
                               "exec = %.*s is invalid: unclosed quote or unknown escape; "
                               "write \\\" or \\\\ for the character itself",
                               (int)text_cut(command, strlen(command), 200), command);
}

static bool is_after(struct location left, struct location right)
{
        return left.file->order > right.file->order || (left.file == right.file && left.line > right.line);
}

/* Counts the targets of a hook. Returns the key of the last one, or NULL. */
static const char *find_target(const struct section *section, size_t *ret_count)
{
        static const char *const keys[] = { "unit", "exec", "url", "url_file" };
        const struct hook_config *hook = &section->hook;
        const char *const values[] = { hook->unit, hook->exec, hook->url, hook->url_file };
        const char *last = NULL;

        *ret_count = 0;
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
                if (values[i] == NULL)
                        continue;
                ++*ret_count;
                if (last == NULL ||
                    is_after(section_key(section, keys[i])->location, section_key(section, last)->location))
                        last = keys[i];
        }
        return last;
}

/* The events of the API are of no job. */
static void check_specifiers(const struct loading *loading, const struct section *section)
{
        const struct hook_config *hook = &section->hook;

        if (hook->unit == NULL || (hook->on & EVENT_MASK_OF_API) == 0)
                return;
        for (const char *at = hook->unit; (at = strchr(at, '%')) != NULL; at += 2)
                if (at[1] == 'i' || at[1] == 'n') {
                        problems_error(
                                loading->problems, location_of(section, "unit"),
                                "%%%c is not possible, since api_down, api_refused and api_ok are of no "
                                "job; move them to a hook of their own, or write %%e or %%o",
                                at[1]);
                        return;
                }
}

static void check_hook(const struct loading *loading, const struct section *section)
{
        static const char *const url_keys[] = { "secret_file", "header_file", "ca_file" };
        const struct hook_config *hook = &section->hook;
        const char *const url_values[] = { hook->secret_file, hook->header_file, hook->ca_file };
        size_t targets;
        const char *target = find_target(section, &targets);

        if (targets == 0)
                problems_error(loading->problems, section->location,
                               "[hook %s] has no target; add unit, exec, url or url_file", section->name);
        if (targets > 1)
                problems_error(loading->problems, location_of(section, target),
                               "[hook %s] has more than one of unit, exec, url and url_file; "
                               "keep one, and move the others to other sections",
                               section->name);
        if (hook->on == 0)
                problems_error(loading->problems, location_of(section, "on"),
                               "on is empty: the hook would never run; "
                               "write events, as in \"on = succeeded, failed\", or remove the line");
        check_specifiers(loading, section);
        if (targets == 1 && hook->exec != NULL)
                check_command(loading, hook->exec, location_of(section, target));
        for (size_t i = 0; targets == 1 && strncmp(target, "url", 3) != 0 && i < 3; i++)
                if (url_values[i][0] != '\0')
                        problems_error(loading->problems, location_of(section, url_keys[i]),
                                       "%s is for url hooks only, but [hook %s] has %s; remove the line",
                                       url_keys[i], section->name, target);
}

/* A password goes to a server. */
static void check_state(const struct loading *loading, const struct section *section)
{
        const struct config *config = loading->config;

        if (config->state_password_file[0] != '\0' && config->state_database[0] == '\0')
                problems_error(
                        loading->problems, location_of(section, "password_file"),
                        "password_file is of a database; add \"database = postgresql://...\" to [state], or "
                        "remove the line");
}

/* Like a directory in a file, since --print-config must be able to print it. */
static void check_state_directory(const char *directory, struct config_problems *problems)
{
        const char *text = NULL, *hint = NULL;
        size_t size = 0;

        (void)value_text_read(directory, NULL, &text, &size);
        if (directory[0] != '/')
                hint = "write an absolute path";
        else if (text == NULL || directory[size] != '\0' || text_visible_size(directory, size) < size)
                hint = "write a path without \" ;\", \" # \", a blank at its end, or characters that are not "
                       "visible";
        if (hint != NULL)
                problems_error(problems, (struct location){ 0 }, "--state-dir %s is invalid: %s", directory,
                               hint);
}

void config_check(const struct loading *loading, const struct config_overrides *overrides)
{
        if (!loading->damaged) {
                check_api(loading);
                check_job_count(loading);
                check_hook_names(loading);
        }
        check_exit(loading, overrides->exit_when_done);
        for (const struct section *section = loading->sections; section != NULL; section = section->next) {
                if (section->damaged)
                        continue;
                if (section->kind == SECTION_POLL)
                        check_intervals(loading, &loading->config->poll, section);
                else if (section->kind == SECTION_JOB)
                        check_job(loading, section);
                else if (section->kind == SECTION_DISCOVER)
                        check_intervals(loading, &section->discover.poll, section);
                else if (section->kind == SECTION_HOOK)
                        check_hook(loading, section);
                else if (section->kind == SECTION_STATE)
                        check_state(loading, section);
        }
        if (overrides->state_directory != NULL)
                check_state_directory(overrides->state_directory, loading->problems);
}
