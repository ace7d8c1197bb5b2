/* SPDX-License-Identifier: MIT */

/*
 * Checks that concern more than one value: what is needed together, what excludes each other, what names
 * something else. Each points at the line a person would change.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/span.h"
#include "config/config_internal.h"
#include "config/value_checks.h"

/* Where the key was given, else the section, else the main file. `section` may be NULL. */
static struct place place_of(const struct config_sources *sources, const struct section_settings *section,
                             const char *key)
{
        const struct setting *setting = section_find(section, key);

        if (setting != NULL)
                return setting->place;
        return section != NULL ? section->place : (struct place){ sources->main_file, 0 };
}

static void check_api(const struct config *config, const struct config_sources *sources,
                      struct report *report)
{
        const struct section_settings *section = settings_find_section(sources->settings, SECTION_API, NULL);
        const struct api_config *api = &config->api;
        const char *method = api->auth == AUTH_BASIC ? "basic" : "password";

        if (api->auth == AUTH_TOKEN) {
                if (api->token_file[0] == '\0')
                        report_error(report, place_of(sources, section, "token_file"),
                                     "auth = token needs token_file; write the name of a credential or an "
                                     "absolute "
                                     "path, or remove the line");
                return;
        }
        if (api->username[0] == '\0')
                report_error(report, place_of(sources, section, "auth"),
                             "auth = %s needs a username; add \"username = NAME\" to [api]", method);
        if (api->password_file[0] == '\0')
                report_error(report, place_of(sources, section, "password_file"),
                             "auth = %s needs password_file; write the name of a credential or an absolute "
                             "path, or "
                             "remove the line",
                             method);
}

static void check_poll(const struct config *config, const struct config_sources *sources,
                       struct report *report)
{
        const struct section_settings *section = settings_find_section(sources->settings, SECTION_POLL, NULL);
        char interval[SPAN_TEXT_MAX], most[SPAN_TEXT_MAX];

        if (config->poll.max_interval_us >= config->poll.interval_us)
                return;
        span_format(config->poll.interval_us, interval);
        span_format(config->poll.max_interval_us, most);
        if (section_find(section, "max_interval") == NULL)
                report_error(report, place_of(sources, section, "interval"),
                             "interval is %s and max_interval, by default, only %s; add \"max_interval = "
                             "%s\" or more",
                             interval, most, interval);
        else
                report_error(report, place_of(sources, section, "max_interval"),
                             "max_interval is %s, which is below the interval of %s; write %s or more", most,
                             interval, interval);
}

/* The same for a job, where one of the two may come from [poll]. */
static void check_job_intervals(const struct job_config *job, const struct config_sources *sources,
                                const struct section_settings *section, struct report *report)
{
        bool own_interval = section_find(section, "interval") != NULL;
        bool own_most = section_find(section, "max_interval") != NULL;
        char interval[SPAN_TEXT_MAX], most[SPAN_TEXT_MAX];

        /* Neither: said of [poll] already. */
        if (job->poll.max_interval_us >= job->poll.interval_us || (!own_interval && !own_most))
                return;
        span_format(job->poll.interval_us, interval);
        span_format(job->poll.max_interval_us, most);
        if (!own_most)
                report_error(report, place_of(sources, section, "interval"),
                             "interval is %s, and the max_interval of [poll] only %s; add \"max_interval = "
                             "%s\" or "
                             "more to [job %s]",
                             interval, most, interval, job->name);
        else if (!own_interval)
                report_error(report, place_of(sources, section, "max_interval"),
                             "max_interval is %s, and the interval of [poll] is %s; add \"interval = %s\" or "
                             "less to "
                             "[job %s]",
                             most, interval, most, job->name);
        else
                report_error(report, place_of(sources, section, "max_interval"),
                             "max_interval is %s, which is below the interval of %s; write %s or more", most,
                             interval, interval);
}

static bool hook_exists(const struct config *config, const char *name)
{
        for (size_t i = 0; i < config->hook_count; i++)
                if (strcmp(config->hooks[i].name, name) == 0)
                        return true;
        return false;
}

static const char *nearest_hook(const struct config *config, const char *name)
{
        const char *nearest = NULL;
        unsigned best = (unsigned)strlen(name) / 3 + 1;

        for (size_t i = 0; i < config->hook_count; i++) {
                unsigned distance = word_distance(name, config->hooks[i].name, best);
                if (distance < best) {
                        best = distance;
                        nearest = config->hooks[i].name;
                }
        }
        return nearest;
}

static void check_job_hooks(const struct config *config, const struct section_settings *section,
                            struct report *report)
{
        const struct setting *hooks = section_find(section, "hooks");

        for (size_t i = 0; hooks != NULL && i < hooks->count; i++) {
                const struct setting_text *text = &hooks->texts[i];
                if (hook_exists(config, text->text) || check_name(text->text) != NULL)
                        continue;
                const char *nearest = nearest_hook(config, text->text);
                if (nearest != NULL)
                        report_error(report, text->place, "there is no hook \"%s\"; did you mean \"%s\"?",
                                     text->text, nearest);
                else
                        report_error(report, text->place,
                                     "there is no hook \"%s\"; add a section [hook %s], or remove the name",
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

/* Ids that stand twice; sorted rather than compared one by one, since lists can be long. */
static void check_duplicates(const struct config *config, const struct config_sources *sources,
                             struct report *report)
{
        char first[PLACE_TEXT_MAX];

        if (config->job_count < 2)
                return;
        CLEANUP(cleanup_free)
        struct job_reference *references = calloc(config->job_count, sizeof(*references));
        if (references == NULL) {
                report_oom(report);
                return;
        }
        for (size_t i = 0; i < config->job_count; i++)
                references[i] = (struct job_reference){ config->jobs[i].id, i };
        qsort(references, config->job_count, sizeof(*references), compare_references);

        for (size_t i = 1; i < config->job_count; i++)
                if (references[i].id != 0 && references[i].id == references[i - 1].id)
                        report_error(report, sources->job_places[references[i].index],
                                     "job %" PRIu64 " is listed twice, also at %s; remove one of the two",
                                     references[i].id,
                                     place_format(sources->job_places[references[i - 1].index], first));
}

static void check_jobs(const struct config *config, const struct config_sources *sources,
                       struct report *report)
{
        const struct section_settings *plain = settings_find_section(sources->settings, SECTION_JOBS, NULL);
        const struct setting *ids = section_find(plain, "ids");

        if (config->job_count == 0 && (ids == NULL || ids->count == 0) && !sources->settings->damaged &&
            (plain == NULL || !plain->damaged))
                report_error(report, place_of(sources, plain, "ids"),
                             "no job is watched; add \"ids = NUMBER\" under [jobs], or name one with --job "
                             "NUMBER");

        for (size_t i = 0; i < config->job_count; i++) {
                const struct section_settings *section = sources->job_sections[i];
                if (section == NULL)
                        continue;
                if (section_find(section, "id") == NULL && !section->damaged)
                        report_error(report, section->place, "[job %s] has no id; add \"id = NUMBER\" to it",
                                     section->name);
                check_job_intervals(&config->jobs[i], sources, section, report);
                check_job_hooks(config, section, report);
        }
        check_duplicates(config, sources, report);
}

/* How many of unit, exec and url a hook has; the last one found is returned too. */
static size_t count_targets(const struct section_settings *section, const struct setting **ret_last)
{
        size_t count = 0;

        for (size_t i = 0; i < section->count; i++) {
                const struct setting *setting = &section->settings[i];
                if (setting->key->kind != KIND_TARGET || setting->count == 0 ||
                    setting->texts[0].text[0] == '\0')
                        continue;
                *ret_last = setting;
                count++;
        }
        return count;
}

static void check_hook(const struct hook_config *hook, const struct config_sources *sources,
                       const struct section_settings *section, struct report *report)
{
        const struct setting *target = NULL, *on = section_find(section, "on");
        size_t targets = count_targets(section, &target);

        if (targets == 0 && !section->damaged)
                report_error(report, section->place,
                             "[hook %s] does nothing; add one of unit, exec or url to it", section->name);
        if (targets > 1)
                report_error(report, target->place,
                             "[hook %s] has more than one of unit, exec and url; keep one, and write a "
                             "second [hook "
                             "NAME] for the other",
                             section->name);
        if (on != NULL && on->count == 0)
                report_error(report, on->place,
                             "on is empty, so the hook would never run; write events such as succeeded, "
                             "failed, or "
                             "remove the line");
        if (targets == 1 && target->key->hook_kind != HOOK_URL && hook->secret_file[0] != '\0')
                report_error(report, place_of(sources, section, "secret_file"),
                             "secret_file signs what is sent to a url, and [hook %s] has %s; remove the line",
                             section->name, target->key->name);
}

static bool has_control(const char *text)
{
        for (; *text != '\0'; text++)
                if ((unsigned char)*text < 0x20 || *text == 0x7f)
                        return true;
        return false;
}

/*
 * A directory of the command line goes into --print-config too, so it obeys the same rules as one of a file.
 */
static void check_state_directory(const struct config_sources *sources, struct report *report)
{
        const char *directory = sources->overrides->state_directory;

        if (directory == NULL)
                return;
        if (directory[0] != '/')
                report_error(report, (struct place){ 0 }, "--state-dir %s: write an absolute path",
                             directory);
        else if (strlen(directory) > 180 || strstr(directory, " ;") != NULL || has_control(directory))
                report_error(report, (struct place){ 0 },
                             "--state-dir %s: write a path of at most 180 bytes, without \" ;\" and control "
                             "characters",
                             directory);
}

void config_check(const struct config *config, const struct config_sources *sources, struct report *report)
{
        check_api(config, sources, report);
        check_poll(config, sources, report);
        check_jobs(config, sources, report);
        for (size_t i = 0; i < config->hook_count; i++)
                check_hook(&config->hooks[i], sources, sources->hook_sections[i], report);
        check_state_directory(sources, report);
}
