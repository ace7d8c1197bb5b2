/* SPDX-License-Identifier: MIT */

/*
 * The table of keys. A new key needs a row here, a field in config.h, and its description in
 * conf/jobwatchd.ini and jobwatchd.ini(5); tests compare both with this table.
 */

#include "config/types.h"

#include <stddef.h>
#include <string.h>
#include <syslog.h>

#include "config/config.h"
#include "config/value_checks.h"
#include "util/timespan.h"

#define LENGTH(array)               (sizeof(array) / sizeof(*(array)))
#define KEY(section_, name_, type_) .section = SECTION_##section_, .name = name_, .type = &config_type_##type_
#define FIELD(field)                .offset = offsetof(struct config, field)
#define OF_JOB(field)               .offset = offsetof(struct job_config, field)
#define OF_DISCOVER(field)          .offset = offsetof(struct discover_config, field)
#define OF_HOOK(field)              .offset = offsetof(struct hook_config, field)
#define DEFAULT(text)               .default_text = text
#define RANGE(least, most)          .minimum = least, .maximum = most

/* Limits that keep sums within their types. */
#define LONGEST_TIMESPAN (365 * USEC_PER_DAY)
#define HIGHEST_COUNT    1000000000

static const struct config_choice auth_choices[] = { [AUTH_TOKEN] = { "token", AUTH_TOKEN },
                                                     [AUTH_PASSWORD] = { "password", AUTH_PASSWORD },
                                                     [AUTH_BASIC] = { "basic", AUTH_BASIC },
                                                     [AUTH_LOGIN] = { "login", AUTH_LOGIN },
                                                     { 0 } };

static const struct config_choice batch_choices[] = { { "auto", BATCH_AUTO }, { "off", BATCH_OFF }, { 0 } };

static const struct config_choice feed_choices[] = { { "auto", FEED_AUTO }, { "off", FEED_OFF }, { 0 } };

static const struct config_choice exit_choices[] = { { "never", EXIT_NEVER }, { "done", EXIT_DONE }, { 0 } };

static const struct config_choice target_choices[] = { { "auto", LOG_TARGET_AUTO },
                                                       { "journal", LOG_TARGET_JOURNAL },
                                                       { "console", LOG_TARGET_CONSOLE },
                                                       { 0 } };

static const struct config_choice level_choices[] = {
        { "emerg", LOG_EMERG },
        { "alert", LOG_ALERT },
        { "crit", LOG_CRIT },
        { "err", LOG_ERR },
        { "warning", LOG_WARNING },
        { "notice", LOG_NOTICE },
        { "info", LOG_INFO },
        { "debug", LOG_DEBUG },
        { "error", LOG_ERR },
        { "warn", LOG_WARNING },
        { "0", LOG_EMERG },
        { "1", LOG_ALERT },
        { "2", LOG_CRIT },
        { "3", LOG_ERR },
        { "4", LOG_WARNING },
        { "5", LOG_NOTICE },
        { "6", LOG_INFO },
        { "7", LOG_DEBUG },
        { 0 },
};

static const struct config_choice event_choices[] = {
        { "seen", EVENT_MASK_SEEN },
        { "changed", EVENT_MASK_CHANGED },
        { "succeeded", EVENT_MASK_SUCCEEDED },
        { "failed", EVENT_MASK_FAILED },
        { "gone", EVENT_MASK_GONE },
        { "stalled", EVENT_MASK_STALLED },
        { "api_down", EVENT_MASK_API_DOWN },
        { "api_refused", EVENT_MASK_API_REFUSED },
        { "api_ok", EVENT_MASK_API_OK },
        { "terminal", EVENT_MASK_TERMINAL },
        { 0 },
};

const struct config_key config_keys[] = {
        { KEY(API, "base_url", text), FIELD(api.base_url), DEFAULT("https://spaces.nexudus.com"),
          .check = check_base_url, .may_contain_secret = true },
        { KEY(API, "auth", choice), FIELD(api.auth), DEFAULT("token"), .choices = auth_choices },
        { KEY(API, "token_file", text), FIELD(api.token_file), DEFAULT("nexudus.token"),
          .check = check_secret_file },
        { KEY(API, "username", text), FIELD(api.username), DEFAULT("") },
        { KEY(API, "password_file", text), FIELD(api.password_file), DEFAULT("nexudus.password"),
          .check = check_secret_file },
        { KEY(API, "client_id", text), FIELD(api.client_id), DEFAULT(""), .check = check_client_id },
        { KEY(API, "ca_file", text), FIELD(api.ca_file), DEFAULT(""), .check = check_absolute_path },
        { KEY(API, "timeout", timespan), FIELD(api.timeout_us), DEFAULT("30s"),
          RANGE(USEC_PER_MSEC, USEC_PER_DAY) },
        { KEY(API, "connect_timeout", timespan), FIELD(api.connect_timeout_us), DEFAULT("10s"),
          RANGE(USEC_PER_MSEC, USEC_PER_DAY) },
        { KEY(API, "max_response", size), FIELD(api.max_response), DEFAULT("16M"), RANGE(1024, 1 << 30) },

        { KEY(POLL, "interval", timespan), FIELD(poll.interval_us), DEFAULT("15s"),
          RANGE(100 * USEC_PER_MSEC, LONGEST_TIMESPAN) },
        { KEY(POLL, "max_interval", timespan), FIELD(poll.max_interval_us), DEFAULT("2min"),
          RANGE(100 * USEC_PER_MSEC, LONGEST_TIMESPAN) },
        { KEY(POLL, "feed", choice), FIELD(poll.feed), DEFAULT("auto"), .choices = feed_choices },
        { KEY(POLL, "sweep_interval", timespan), FIELD(poll.sweep_interval_us), DEFAULT("15min"),
          RANGE(100 * USEC_PER_MSEC, LONGEST_TIMESPAN) },
        { KEY(POLL, "batch", choice), FIELD(poll.batch), DEFAULT("auto"), .choices = batch_choices },
        { KEY(POLL, "batch_size", count), FIELD(poll.batch_size), DEFAULT("100"), RANGE(1, 100) },
        { KEY(POLL, "stalled_after", timespan), FIELD(poll.stalled_after_us), DEFAULT("0"),
          RANGE(0, LONGEST_TIMESPAN) },
        { KEY(POLL, "result_wait", timespan), FIELD(poll.result_wait_us), DEFAULT("0"),
          RANGE(0, LONGEST_TIMESPAN) },

        { KEY(LIMITS, "min_spacing", timespan), FIELD(limits.min_spacing_us), DEFAULT("100ms"),
          RANGE(0, USEC_PER_HOUR) },
        { KEY(LIMITS, "per_minute", count), FIELD(limits.per_minute), DEFAULT("120"),
          RANGE(0, HIGHEST_COUNT) },
        { KEY(LIMITS, "per_hour", count), FIELD(limits.per_hour), DEFAULT("5000"), RANGE(0, HIGHEST_COUNT) },
        { KEY(LIMITS, "per_day", count), FIELD(limits.per_day), DEFAULT("200000"), RANGE(0, HIGHEST_COUNT) },

        { KEY(STATUS, "failure", list), FIELD(status.failure),
          DEFAULT("Failed, Failure, Faulted, Error, Errored, Aborted, Cancelled, Canceled, Deleted, "
                  "Completed with errors, CompletedWithErrors, Partially completed") },
        { KEY(STATUS, "success", list), FIELD(status.success),
          DEFAULT("Completed, Complete, Succeeded, Success, Successful, Finished, Done, Processed") },
        { KEY(STATUS, "running", list), FIELD(status.running),
          DEFAULT("Pending, Queued, Enqueued, Scheduled, Created, New, Waiting, Started, Running, "
                  "Processing, In progress, InProgress") },
        { KEY(STATUS, "failed_result", list), FIELD(status.failed_result), DEFAULT("") },

        { KEY(JOBS, "ids", ids) },

        { KEY(JOB, "id", id), OF_JOB(id), RANGE(1, INT64_MAX) },
        { KEY(JOB, "interval", timespan), OF_JOB(poll.interval_us),
          RANGE(100 * USEC_PER_MSEC, LONGEST_TIMESPAN) },
        { KEY(JOB, "max_interval", timespan), OF_JOB(poll.max_interval_us),
          RANGE(100 * USEC_PER_MSEC, LONGEST_TIMESPAN) },
        { KEY(JOB, "stalled_after", timespan), OF_JOB(poll.stalled_after_us), RANGE(0, LONGEST_TIMESPAN) },
        { KEY(JOB, "result_wait", timespan), OF_JOB(poll.result_wait_us), RANGE(0, LONGEST_TIMESPAN) },
        { KEY(JOB, "hooks", list), OF_JOB(hooks), .check = check_name, .names_hooks = true },

        { KEY(DISCOVER, "business", numbers), OF_DISCOVER(business) },
        { KEY(DISCOVER, "description", list), OF_DISCOVER(description) },
        { KEY(DISCOVER, "files", list), OF_DISCOVER(files) },
        { KEY(DISCOVER, "user", list), OF_DISCOVER(user) },
        { KEY(DISCOVER, "since", since), OF_DISCOVER(since_us), DEFAULT("start"),
          RANGE(0, LONGEST_TIMESPAN) },
        { KEY(DISCOVER, "interval", timespan), OF_DISCOVER(poll.interval_us),
          RANGE(100 * USEC_PER_MSEC, LONGEST_TIMESPAN) },
        { KEY(DISCOVER, "max_interval", timespan), OF_DISCOVER(poll.max_interval_us),
          RANGE(100 * USEC_PER_MSEC, LONGEST_TIMESPAN) },
        { KEY(DISCOVER, "stalled_after", timespan), OF_DISCOVER(poll.stalled_after_us),
          RANGE(0, LONGEST_TIMESPAN) },
        { KEY(DISCOVER, "result_wait", timespan), OF_DISCOVER(poll.result_wait_us),
          RANGE(0, LONGEST_TIMESPAN) },
        { KEY(DISCOVER, "hooks", list), OF_DISCOVER(hooks), .check = check_name, .names_hooks = true },

        { KEY(HOOK, "on", events), OF_HOOK(on), DEFAULT("terminal"), .choices = event_choices },
        { KEY(HOOK, "unit", text), OF_HOOK(unit), .check = check_unit },
        { KEY(HOOK, "exec", text), OF_HOOK(exec), .check = check_exec, .is_command = true },
        { KEY(HOOK, "url", text), OF_HOOK(url), .check = check_hook_url, .may_contain_secret = true },
        { KEY(HOOK, "url_file", text), OF_HOOK(url_file), .check = check_secret_file },
        { KEY(HOOK, "timeout", timespan), OF_HOOK(timeout_us), DEFAULT("1min"),
          RANGE(100 * USEC_PER_MSEC, LONGEST_TIMESPAN) },
        { KEY(HOOK, "retries", count), OF_HOOK(retries), DEFAULT("8"), RANGE(0, 1000) },
        { KEY(HOOK, "parallel", count), OF_HOOK(parallel), DEFAULT("4"), RANGE(1, HOOK_PARALLEL_MAX) },
        { KEY(HOOK, "secret_file", text), OF_HOOK(secret_file), DEFAULT(""), .check = check_secret_file },
        { KEY(HOOK, "header_file", text), OF_HOOK(header_file), DEFAULT(""), .check = check_secret_file },
        { KEY(HOOK, "ca_file", text), OF_HOOK(ca_file), DEFAULT(""), .check = check_absolute_path },

        { KEY(EXIT, "when", choice), FIELD(exit_when), DEFAULT("never"), .choices = exit_choices },

        { KEY(LOG, "level", choice), FIELD(log.level), DEFAULT("info"), .choices = level_choices },
        { KEY(LOG, "target", choice), FIELD(log.target), DEFAULT("auto"), .choices = target_choices },
        { KEY(LOG, "result_bytes", size), FIELD(log.result_bytes), DEFAULT("1K"), RANGE(0, 1 << 30) },
        { KEY(LOG, "personal_data", boolean), FIELD(log.personal_data), DEFAULT("no") },

        { KEY(STATE, "directory", text), FIELD(state_directory), DEFAULT(""), .check = check_absolute_path },
        { KEY(STATE, "database", text), FIELD(state_database), DEFAULT(""), .check = check_database },
        { KEY(STATE, "password_file", text), FIELD(state_password_file), DEFAULT(""),
          .check = check_secret_file },
        { KEY(STATE, "prefer", text), FIELD(state_prefer), DEFAULT(""), .check = check_host },
        { KEY(STATE, "keep", timespan), FIELD(state_keep_us), DEFAULT("90d"),
          RANGE(USEC_PER_HOUR, 10 * LONGEST_TIMESPAN) },
        { KEY(STATE, "max_size", size), FIELD(state_max_size), DEFAULT("256M"),
          RANGE(1 << 20, UINT64_C(1) << 40) },

        { KEY(METRICS, "textfile", text), FIELD(metrics_textfile), DEFAULT(""), .check = check_textfile },
};

const size_t config_key_count = LENGTH(config_keys);

_Static_assert(offsetof(struct job_config, name) == 0 && offsetof(struct discover_config, name) == 0 &&
                       offsetof(struct hook_config, name) == 0,
               "the values of a section with a NAME begin with it");

/* ---- look-ups ---- */

const char *config_auth_to_string(enum auth_method auth)
{
        return auth_choices[auth].text;
}

const char *const config_section_names[SECTION_COUNT] = {
        [SECTION_API] = "api",           [SECTION_POLL] = "poll",   [SECTION_LIMITS] = "limits",
        [SECTION_STATUS] = "status",     [SECTION_JOBS] = "jobs",   [SECTION_JOB] = "job",
        [SECTION_DISCOVER] = "discover", [SECTION_HOOK] = "hook",   [SECTION_EXIT] = "exit",
        [SECTION_LOG] = "log",           [SECTION_STATE] = "state", [SECTION_METRICS] = "metrics",
};

enum config_section config_section_find(const char *name)
{
        unsigned section = 0;

        while (section < SECTION_COUNT && strcmp(config_section_names[section], name) != 0)
                section++;
        return (enum config_section)section;
}

bool config_section_is_named(enum config_section section)
{
        return section == SECTION_JOB || section == SECTION_DISCOVER || section == SECTION_HOOK;
}

struct config_keys config_keys_of(enum config_section section)
{
        struct config_keys keys = { .first = config_keys };

        while (keys.first->section != section)
                keys.first++;
        while (keys.first + keys.count < config_keys + config_key_count &&
               keys.first[keys.count].section == section)
                keys.count++;
        return keys;
}

const struct config_key *config_key_find(enum config_section section, const char *name)
{
        const struct config_keys keys = config_keys_of(section);

        for (const struct config_key *key = keys.first; key < keys.first + keys.count; key++)
                if (strcmp(key->name, name) == 0)
                        return key;
        return NULL;
}
