/* SPDX-License-Identifier: MIT */

/*
 * The table of keys, and nothing else. A new key is a row here, a field in config.h and a paragraph in
 * conf/jobwatchd.ini, which a test holds against this table.
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

/* Bounds that only keep sums within their types. */
#define LONGEST_SPAN  (365 * USEC_PER_DAY)
#define HIGHEST_COUNT 1000000000

static const struct config_word auth_words[] = { { "token", AUTH_TOKEN, 0 },
                                                 { "password", AUTH_PASSWORD, FEATURE_PASSWORD_LOGIN },
                                                 { "basic", AUTH_BASIC, 0 },
                                                 { 0 } };

static const struct config_word batch_words[] = { { "auto", BATCH_AUTO, 0 }, { "off", BATCH_OFF, 0 }, { 0 } };

static const struct config_word exit_words[] = { { "never", EXIT_NEVER, 0 },
                                                 { "done", EXIT_DONE, 0 },
                                                 { 0 } };

static const struct config_word target_words[] = { { "auto", LOG_TARGET_AUTO, 0 },
                                                   { "journal", LOG_TARGET_JOURNAL, 0 },
                                                   { "console", LOG_TARGET_CONSOLE, 0 },
                                                   { 0 } };

static const struct config_word level_words[] = { { "emerg", LOG_EMERG, 0 },
                                                  { "alert", LOG_ALERT, 0 },
                                                  { "crit", LOG_CRIT, 0 },
                                                  { "err", LOG_ERR, 0 },
                                                  { "warning", LOG_WARNING, 0 },
                                                  { "notice", LOG_NOTICE, 0 },
                                                  { "info", LOG_INFO, 0 },
                                                  { "debug", LOG_DEBUG, 0 },
                                                  { "error", LOG_ERR, 0 },
                                                  { "warn", LOG_WARNING, 0 },
                                                  { "0", LOG_EMERG, 0 },
                                                  { "1", LOG_ALERT, 0 },
                                                  { "2", LOG_CRIT, 0 },
                                                  { "3", LOG_ERR, 0 },
                                                  { "4", LOG_WARNING, 0 },
                                                  { "5", LOG_NOTICE, 0 },
                                                  { "6", LOG_INFO, 0 },
                                                  { "7", LOG_DEBUG, 0 },
                                                  { 0 } };

static const struct config_word event_words[] = {
        { "seen", EVENT_MASK_SEEN, 0 },           { "changed", EVENT_MASK_CHANGED, 0 },
        { "succeeded", EVENT_MASK_SUCCEEDED, 0 }, { "failed", EVENT_MASK_FAILED, 0 },
        { "gone", EVENT_MASK_GONE, 0 },           { "stalled", EVENT_MASK_STALLED, 0 },
        { "terminal", EVENT_MASK_TERMINAL, 0 },   { 0 },
};

const struct config_key config_keys[] = {
        {
                KEY(API, "base_url", STRING),
                FIELD(api.base_url),
                .default_text = "https://spaces.nexudus.com",
                .check = check_base_url,
                .help = "Where the API is: https, or plain http to this machine only.",
        },
        {
                KEY(API, "auth", WORD),
                FIELD(api.auth),
                .default_text = "token",
                .words = auth_words,
                .help = "How to log in: token, with token_file; password, with username and password_file, "
                        "which fetches tokens; basic, with the same two on every request.",
        },
        {
                KEY(API, "token_file", STRING),
                FIELD(api.token_file),
                .default_text = "nexudus.token",
                .check = check_secret_file,
                .help = "The file with the bearer token: the name of a systemd credential, or an absolute "
                        "path. Secrets never stand in the configuration.",
        },
        {
                KEY(API, "username", STRING),
                FIELD(api.username),
                .default_text = "",
                .help = "The account, for auth = password and auth = basic.",
        },
        {
                KEY(API, "password_file", STRING),
                FIELD(api.password_file),
                .default_text = "nexudus.password",
                .check = check_secret_file,
                .help = "The file with its password: the name of a systemd credential, or an absolute path.",
        },
        {
                KEY(API, "client_id", STRING),
                FIELD(api.client_id),
                .default_text = "",
                .check = check_client_id,
                .feature = FEATURE_CLIENT_ID,
                .help = "What this client calls itself at the login. Empty: derived from the machine id, so "
                        "that two hosts never log each other out.",
        },
        {
                KEY(API, "ca_file", STRING),
                FIELD(api.ca_file),
                .default_text = "",
                .check = check_absolute_path,
                .help = "Certificate authorities to trust (PEM). Empty: those of the system.",
        },
        {
                KEY(API, "timeout", SPAN),
                FIELD(api.timeout_us),
                .default_text = "30s",
                .minimum = USEC_PER_MSEC,
                .maximum = USEC_PER_DAY,
                .help = "A request that takes longer has failed.",
        },
        {
                KEY(API, "connect_timeout", SPAN),
                FIELD(api.connect_timeout_us),
                .default_text = "10s",
                .minimum = USEC_PER_MSEC,
                .maximum = USEC_PER_DAY,
                .help = "The part of it that connecting may take.",
        },
        {
                KEY(API, "max_response", SIZE),
                FIELD(api.max_response),
                .default_text = "16M",
                .minimum = 1024,
                .maximum = 1 << 30,
                .help = "The largest answer that is read, in decoded bytes; more is an error of that poll.",
        },
        {
                KEY(POLL, "interval", SPAN),
                FIELD(poll.interval_us),
                .default_text = "15s",
                .minimum = 100 * USEC_PER_MSEC,
                .maximum = LONGEST_SPAN,
                .help = "A job that just changed is looked at this often.",
        },
        {
                KEY(POLL, "max_interval", SPAN),
                FIELD(poll.max_interval_us),
                .default_text = "2min",
                .minimum = 100 * USEC_PER_MSEC,
                .maximum = LONGEST_SPAN,
                .help = "A job that does not change is looked at ever less often, down to this.",
        },
        {
                KEY(POLL, "batch", WORD),
                FIELD(poll.batch),
                .default_text = "auto",
                .words = batch_words,
                .help = "auto asks for several jobs in one request where that is possible; off never does.",
        },
        {
                KEY(POLL, "batch_size", UNSIGNED),
                FIELD(poll.batch_size),
                .default_text = "100",
                .minimum = 1,
                .maximum = 100,
                .feature = FEATURE_BATCHES,
                .help = "The most jobs in one request.",
        },
        {
                KEY(POLL, "stalled_after", SPAN),
                FIELD(poll.stalled_after_us),
                .default_text = "0",
                .maximum = LONGEST_SPAN,
                .feature = FEATURE_STALLED,
                .help = "An open job unchanged for this long raises the event \"stalled\", once. 0: never.",
        },
        {
                KEY(POLL, "result_wait", SPAN),
                FIELD(poll.result_wait_us),
                .default_text = "0",
                .maximum = LONGEST_SPAN,
                .feature = FEATURE_RESULT_WAIT,
                .help = "How long the end of a job is held back while its ResultData is still null.",
        },
        {
                KEY(LIMITS, "min_spacing", SPAN),
                FIELD(limits.min_spacing_us),
                .default_text = "100ms",
                .maximum = USEC_PER_HOUR,
                .feature = FEATURE_LIMITS,
                .help = "The least time between two requests. 0: none.",
        },
        {
                KEY(LIMITS, "per_minute", UNSIGNED),
                FIELD(limits.per_minute),
                .default_text = "120",
                .maximum = HIGHEST_COUNT,
                .feature = FEATURE_LIMITS,
                .help = "The most requests in any minute. 0: no limit.",
        },
        {
                KEY(LIMITS, "per_hour", UNSIGNED),
                FIELD(limits.per_hour),
                .default_text = "5000",
                .maximum = HIGHEST_COUNT,
                .feature = FEATURE_LIMITS,
                .help = "The most requests in any hour. 0: no limit.",
        },
        {
                KEY(LIMITS, "per_day", UNSIGNED),
                FIELD(limits.per_day),
                .default_text = "200000",
                .maximum = HIGHEST_COUNT,
                .feature = FEATURE_LIMITS,
                .help = "The most requests in any day. 0: no limit.",
        },
        {
                KEY(STATUS, "failure", LIST),
                FIELD(status_failure),
                .default_text =
                        "Failed, Failure, Faulted, Error, Errored, Aborted, Cancelled, Canceled, Deleted, "
                        "Completed with errors, CompletedWithErrors, Partially completed",
                .help = "A job with one of these has ended badly.",
        },
        {
                KEY(STATUS, "success", LIST),
                FIELD(status_success),
                .default_text =
                        "Completed, Complete, Succeeded, Success, Successful, Finished, Done, Processed",
                .help = "A job with one of these has ended well.",
        },
        {
                KEY(STATUS, "running", LIST),
                FIELD(status_running),
                .default_text =
                        "Pending, Queued, Enqueued, Scheduled, Created, New, Waiting, Started, Running, "
                        "Processing, In progress, InProgress",
                .help = "A job with one of these has not ended. So has one with a status in no list, but "
                        "that is worth a warning.",
        },
        {
                KEY(STATUS, "failed_result", LIST),
                FIELD(failed_result),
                .default_text = "",
                .help = "A success whose ResultData matches one of these counts as a failure.",
        },
        {
                KEY(JOBS, "ids", ID_LIST),
                .help = "The jobs to watch. The lists of several files add up.",
        },
        {
                KEY(JOB, "id", ID),
                OF_JOB(id),
                .help = "The job. Required.",
        },
        {
                KEY(JOB, "interval", SPAN),
                OF_JOB(poll.interval_us),
                .minimum = 100 * USEC_PER_MSEC,
                .maximum = LONGEST_SPAN,
                .help = "As in [poll], for this job.",
        },
        {
                KEY(JOB, "max_interval", SPAN),
                OF_JOB(poll.max_interval_us),
                .minimum = 100 * USEC_PER_MSEC,
                .maximum = LONGEST_SPAN,
                .help = "As in [poll], for this job.",
        },
        {
                KEY(JOB, "stalled_after", SPAN),
                OF_JOB(poll.stalled_after_us),
                .maximum = LONGEST_SPAN,
                .feature = FEATURE_STALLED,
                .help = "As in [poll], for this job.",
        },
        {
                KEY(JOB, "result_wait", SPAN),
                OF_JOB(poll.result_wait_us),
                .maximum = LONGEST_SPAN,
                .feature = FEATURE_RESULT_WAIT,
                .help = "As in [poll], for this job.",
        },
        {
                KEY(JOB, "hooks", LIST),
                OF_JOB(hooks),
                .check = check_name,
                .feature = FEATURE_HOOKS,
                .help = "The hooks of this job. Without this line: every hook; with an empty value: none.",
        },
        {
                KEY(HOOK, "on", EVENTS),
                OF_HOOK(on),
                .default_text = "terminal",
                .words = event_words,
                .help = "The events that run it: seen, changed, succeeded, failed, gone, stalled; terminal "
                        "is succeeded, failed and gone together.",
        },
        {
                KEY(HOOK, "unit", TARGET),
                OF_HOOK(target),
                .check = check_unit,
                .hook_kind = HOOK_UNIT,
                .feature = FEATURE_UNIT_HOOKS,
                .help = "Starts a systemd unit. %i is the job's id, %n its name, %e the event's id, %o the "
                        "outcome. Exactly one of unit, exec and url is given.",
        },
        {
                KEY(HOOK, "exec", TARGET),
                OF_HOOK(target),
                .check = check_exec,
                .hook_kind = HOOK_EXEC,
                .help = "Runs a program, by its absolute path; quotes and backslashes as in ExecStart=, no "
                        "shell.",
        },
        {
                KEY(HOOK, "url", TARGET),
                OF_HOOK(target),
                .check = check_hook_url,
                .hook_kind = HOOK_URL,
                .help = "Posts the event as JSON: https, or plain http to this machine only.",
        },
        {
                KEY(HOOK, "timeout", SPAN),
                OF_HOOK(timeout_us),
                .default_text = "1min",
                .minimum = 100 * USEC_PER_MSEC,
                .maximum = LONGEST_SPAN,
                .help = "A delivery that takes longer has failed.",
        },
        {
                KEY(HOOK, "retries", UNSIGNED),
                OF_HOOK(retries),
                .default_text = "8",
                .maximum = 1000,
                .help = "How often a failed delivery is tried again, with growing delays.",
        },
        {
                KEY(HOOK, "secret_file", STRING),
                OF_HOOK(secret_file),
                .default_text = "",
                .check = check_secret_file,
                .help = "For url only: the file with the secret that signs the requests: the name of a "
                        "systemd credential, or an absolute path.",
        },
        {
                KEY(EXIT, "when", WORD),
                FIELD(exit_when),
                .default_text = "never",
                .words = exit_words,
                .help = "done: exit once every watched job has ended, with 0 if all succeeded, else 1.",
        },
        {
                KEY(LOG, "level", WORD),
                FIELD(log.level),
                .default_text = "info",
                .words = level_words,
                .help = "What is logged: emerg, alert, crit, err, warning, notice, info or debug, or 0 to 7.",
        },
        {
                KEY(LOG, "target", WORD),
                FIELD(log.target),
                .default_text = "auto",
                .words = target_words,
                .help = "auto is the journal when run by systemd, else the console; or journal, or console.",
        },
        {
                KEY(LOG, "result_bytes", SIZE),
                FIELD(log.result_bytes),
                .default_text = "1K",
                .maximum = 1 << 30,
                .help = "How much of ResultData a log entry holds. 0: all. The whole is in the state and "
                        "goes to hooks.",
        },
        {
                KEY(LOG, "personal_data", BOOLEAN),
                FIELD(log.personal_data),
                .default_text = "no",
                .help = "Whether names and e-mail addresses of people are logged and handed to hooks.",
        },
        {
                KEY(STATE, "directory", STRING),
                FIELD(state_directory),
                .default_text = "",
                .check = check_absolute_path,
                .help = "What must survive a restart. Empty: $STATE_DIRECTORY, else /var/lib/jobwatchd.",
        },
};

const size_t config_key_count = LENGTH(config_keys);
