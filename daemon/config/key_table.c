/* SPDX-License-Identifier: MIT */

/*
 * The table of keys. A new key needs a row here, a field in config.h, and its description in
 * conf/jobwatchd.ini and jobwatchd.ini(5); tests compare both with this table.
 */

#include "config/keys.h"

#include <stddef.h>
#include <syslog.h>

#include "config/config.h"
#include "config/value_checks.h"
#include "util/timespan.h"

#define LENGTH(array)               (sizeof(array) / sizeof(*(array)))
#define KEY(section_, name_, kind_) .section = SECTION_##section_, .name = name_, .kind = KIND_##kind_
#define FIELD(field)                .offset = offsetof(struct config, field)
#define OF_JOB(field)               .offset = offsetof(struct job_config, field)
#define OF_HOOK(field)              .offset = offsetof(struct hook_config, field)

/* Limits that keep sums within their types. */
#define LONGEST_TIMESPAN (365 * USEC_PER_DAY)
#define HIGHEST_COUNT    1000000000

static const struct config_choice auth_choices[] = {
        { "token", AUTH_TOKEN }, { "password", AUTH_PASSWORD }, { "basic", AUTH_BASIC }, { 0 }
};

static const struct config_choice batch_choices[] = { { "auto", BATCH_AUTO }, { "off", BATCH_OFF }, { 0 } };

static const struct config_choice exit_choices[] = { { "never", EXIT_NEVER }, { "done", EXIT_DONE }, { 0 } };

static const struct config_choice target_choices[] = { { "auto", LOG_TARGET_AUTO },
                                                       { "journal", LOG_TARGET_JOURNAL },
                                                       { "console", LOG_TARGET_CONSOLE },
                                                       { 0 } };

static const struct config_choice level_choices[] = { { "emerg", LOG_EMERG },
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
                                                      { 0 } };

static const struct config_choice event_choices[] = {
        { "seen", EVENT_MASK_SEEN },           { "changed", EVENT_MASK_CHANGED },
        { "succeeded", EVENT_MASK_SUCCEEDED }, { "failed", EVENT_MASK_FAILED },
        { "gone", EVENT_MASK_GONE },           { "stalled", EVENT_MASK_STALLED },
        { "terminal", EVENT_MASK_TERMINAL },   { 0 },
};

const struct config_key config_keys[] = {
        {
                KEY(API, "base_url", STRING),
                FIELD(api.base_url),
                .default_text = "https://spaces.nexudus.com",
                .check = check_base_url,
                .may_contain_secret = true,
                .normalise = normalise_base_url,
        },
        {
                KEY(API, "auth", CHOICE),
                FIELD(api.auth),
                .default_text = "token",
                .choices = auth_choices,
        },
        {
                KEY(API, "token_file", STRING),
                FIELD(api.token_file),
                .default_text = "nexudus.token",
                .check = check_secret_file,
        },
        {
                KEY(API, "username", STRING),
                FIELD(api.username),
                .default_text = "",
        },
        {
                KEY(API, "password_file", STRING),
                FIELD(api.password_file),
                .default_text = "nexudus.password",
                .check = check_secret_file,
        },
        {
                KEY(API, "client_id", STRING),
                FIELD(api.client_id),
                .default_text = "",
                .check = check_client_id,
        },
        {
                KEY(API, "ca_file", STRING),
                FIELD(api.ca_file),
                .default_text = "",
                .check = check_absolute_path,
        },
        {
                KEY(API, "timeout", TIMESPAN),
                FIELD(api.timeout_us),
                .default_text = "30s",
                .minimum = USEC_PER_MSEC,
                .maximum = USEC_PER_DAY,
        },
        {
                KEY(API, "connect_timeout", TIMESPAN),
                FIELD(api.connect_timeout_us),
                .default_text = "10s",
                .minimum = USEC_PER_MSEC,
                .maximum = USEC_PER_DAY,
        },
        {
                KEY(API, "max_response", SIZE),
                FIELD(api.max_response),
                .default_text = "16M",
                .minimum = 1024,
                .maximum = 1 << 30,
        },
        {
                KEY(POLL, "interval", TIMESPAN),
                FIELD(poll.interval_us),
                .default_text = "15s",
                .minimum = 100 * USEC_PER_MSEC,
                .maximum = LONGEST_TIMESPAN,
        },
        {
                KEY(POLL, "max_interval", TIMESPAN),
                FIELD(poll.max_interval_us),
                .default_text = "2min",
                .minimum = 100 * USEC_PER_MSEC,
                .maximum = LONGEST_TIMESPAN,
        },
        {
                KEY(POLL, "batch", CHOICE),
                FIELD(poll.batch),
                .default_text = "auto",
                .choices = batch_choices,
        },
        {
                KEY(POLL, "batch_size", UNSIGNED),
                FIELD(poll.batch_size),
                .default_text = "100",
                .minimum = 1,
                .maximum = 100,
        },
        {
                KEY(POLL, "stalled_after", TIMESPAN),
                FIELD(poll.stalled_after_us),
                .default_text = "0",
                .maximum = LONGEST_TIMESPAN,
        },
        {
                KEY(POLL, "result_wait", TIMESPAN),
                FIELD(poll.result_wait_us),
                .default_text = "0",
                .maximum = LONGEST_TIMESPAN,
        },
        {
                KEY(LIMITS, "min_spacing", TIMESPAN),
                FIELD(limits.min_spacing_us),
                .default_text = "100ms",
                .maximum = USEC_PER_HOUR,
        },
        {
                KEY(LIMITS, "per_minute", UNSIGNED),
                FIELD(limits.per_minute),
                .default_text = "120",
                .maximum = HIGHEST_COUNT,
        },
        {
                KEY(LIMITS, "per_hour", UNSIGNED),
                FIELD(limits.per_hour),
                .default_text = "5000",
                .maximum = HIGHEST_COUNT,
        },
        {
                KEY(LIMITS, "per_day", UNSIGNED),
                FIELD(limits.per_day),
                .default_text = "200000",
                .maximum = HIGHEST_COUNT,
        },
        {
                KEY(STATUS, "failure", LIST),
                FIELD(status_failure),
                .default_text =
                        "Failed, Failure, Faulted, Error, Errored, Aborted, Cancelled, Canceled, Deleted, "
                        "Completed with errors, CompletedWithErrors, Partially completed",
        },
        {
                KEY(STATUS, "success", LIST),
                FIELD(status_success),
                .default_text =
                        "Completed, Complete, Succeeded, Success, Successful, Finished, Done, Processed",
        },
        {
                KEY(STATUS, "running", LIST),
                FIELD(status_running),
                .default_text =
                        "Pending, Queued, Enqueued, Scheduled, Created, New, Waiting, Started, Running, "
                        "Processing, In progress, InProgress",
        },
        {
                KEY(STATUS, "failed_result", LIST),
                FIELD(failed_result),
                .default_text = "",
        },
        {
                KEY(JOBS, "ids", ID_LIST),
        },
        {
                KEY(JOB, "id", ID),
                OF_JOB(id),
        },
        {
                KEY(JOB, "interval", TIMESPAN),
                OF_JOB(poll.interval_us),
                .minimum = 100 * USEC_PER_MSEC,
                .maximum = LONGEST_TIMESPAN,
        },
        {
                KEY(JOB, "max_interval", TIMESPAN),
                OF_JOB(poll.max_interval_us),
                .minimum = 100 * USEC_PER_MSEC,
                .maximum = LONGEST_TIMESPAN,
        },
        {
                KEY(JOB, "stalled_after", TIMESPAN),
                OF_JOB(poll.stalled_after_us),
                .maximum = LONGEST_TIMESPAN,
        },
        {
                KEY(JOB, "result_wait", TIMESPAN),
                OF_JOB(poll.result_wait_us),
                .maximum = LONGEST_TIMESPAN,
        },
        {
                KEY(JOB, "hooks", LIST),
                OF_JOB(hooks),
                .check = check_name,
                .replaced_only = true,
        },
        {
                KEY(HOOK, "on", EVENTS),
                OF_HOOK(on),
                .default_text = "terminal",
                .choices = event_choices,
        },
        {
                KEY(HOOK, "unit", TARGET),
                OF_HOOK(target),
                .check = check_unit,
                .hook_kind = HOOK_UNIT,
        },
        {
                KEY(HOOK, "exec", TARGET),
                OF_HOOK(target),
                .check = check_exec,
                .hook_kind = HOOK_EXEC,
                .is_command = true,
        },
        {
                KEY(HOOK, "url", TARGET),
                OF_HOOK(target),
                .check = check_hook_url,
                .may_contain_secret = true,
                .hook_kind = HOOK_URL,
        },
        {
                KEY(HOOK, "url_file", TARGET),
                OF_HOOK(url_file),
                .check = check_secret_file,
                .hook_kind = HOOK_URL,
        },
        {
                KEY(HOOK, "timeout", TIMESPAN),
                OF_HOOK(timeout_us),
                .default_text = "1min",
                .minimum = 100 * USEC_PER_MSEC,
                .maximum = LONGEST_TIMESPAN,
        },
        {
                KEY(HOOK, "retries", UNSIGNED),
                OF_HOOK(retries),
                .default_text = "8",
                .maximum = 1000,
        },
        {
                KEY(HOOK, "secret_file", STRING),
                OF_HOOK(secret_file),
                .default_text = "",
                .check = check_secret_file,
        },
        {
                KEY(HOOK, "header_file", STRING),
                OF_HOOK(header_file),
                .default_text = "",
                .check = check_secret_file,
        },
        {
                KEY(HOOK, "ca_file", STRING),
                OF_HOOK(ca_file),
                .default_text = "",
                .check = check_absolute_path,
        },
        {
                KEY(EXIT, "when", CHOICE),
                FIELD(exit_when),
                .default_text = "never",
                .choices = exit_choices,
        },
        {
                KEY(LOG, "level", CHOICE),
                FIELD(log.level),
                .default_text = "info",
                .choices = level_choices,
        },
        {
                KEY(LOG, "target", CHOICE),
                FIELD(log.target),
                .default_text = "auto",
                .choices = target_choices,
        },
        {
                KEY(LOG, "result_bytes", SIZE),
                FIELD(log.result_bytes),
                .default_text = "1K",
                .maximum = 1 << 30,
        },
        {
                KEY(LOG, "personal_data", BOOLEAN),
                FIELD(log.personal_data),
                .default_text = "no",
        },
        {
                KEY(STATE, "directory", STRING),
                FIELD(state_directory),
                .default_text = "",
                .check = check_absolute_path,
        },
        {
                KEY(STATE, "keep", TIMESPAN),
                FIELD(state_keep_us),
                .default_text = "90d",
                .minimum = USEC_PER_HOUR,
                .maximum = 10 * LONGEST_TIMESPAN,
        },
        {
                KEY(STATE, "max_size", SIZE),
                FIELD(state_max_size),
                .default_text = "256M",
                .minimum = 1 << 20,
                .maximum = UINT64_C(1) << 40,
        },
};

const size_t config_key_count = LENGTH(config_keys);
