/* SPDX-License-Identifier: MIT */

/* Failures of the API as a whole, as the circuit breaker (planning/breaker.h) sees them. */

#include "monitor/outage.h"

#include <stdio.h>

#include "journal/message_ids.h"
#include "monitor/outage_events.h"
#include "platform/credential.h"
#include "util/cleanup.h"
#include "util/message.h"
#include "util/timer.h"
#include "util/timespan.h"

/* An outage that comes back within this time is the same one. */
#define RECOVERY_US (10 * USEC_PER_SEC)

/* Throttling is logged again after this time, or for a pause this long. */
#define THROTTLING_QUIET_US (10 * USEC_PER_MIN)
#define LONG_PAUSE_US       (1 * USEC_PER_MIN)

/* A lasting outage is logged again at this interval. */
#define REMINDER_US (1 * USEC_PER_HOUR)

#define NEXT_STEP_MAX (TIMESPAN_TEXT_MAX + 300)

/* How a message continues after the cause. */
static const char *next_step(const struct monitor *monitor, uint64_t until_us,
                             char text[static NEXT_STEP_MAX])
{
        uint64_t now_us = monitor_now_us(monitor);
        char span[TIMESPAN_TEXT_MAX];

        const char *login = session_needed_login(monitor->parts.session);

        if (login != NULL)
                (void)snprintf(text, NEXT_STEP_MAX, "Run \"%s\" to sign in.", login);
        else if (monitor->parts.once)
                (void)snprintf(text, NEXT_STEP_MAX, "Skipping the remaining jobs.");
        else
                (void)snprintf(text, NEXT_STEP_MAX, "Retrying in %s.",
                               timespan_format_rough(until_us > now_us ? until_us - now_us : 0, span));
        return text;
}

/* What to do about a token or password that is not accepted. */
static char *secret_advice(const struct config *config, const char *role, bool once)
{
        const struct api_config *api = &config->api;
        const char *source = api->auth == AUTH_TOKEN ? api->token_file : api->password_file;
        CLEANUP(cleanup_free) char *file = credential_file(source, config->path);
        CLEANUP(cleanup_free) char *unit = credential_unit(config->path);
        CLEANUP(cleanup_free) char *check = format_message("Check the credentials and the role %s.", role);

        if (credential_is_passed(source))
                return format_message(" %s After writing to %s run \"systemctl restart %s\".", check, file,
                                      unit);
        if (once)
                return format_message(" Check %s and the role %s.", file, role);
        if (api->auth == AUTH_TOKEN)
                return format_message(" %s A new token in %s is used at the next attempt.", check, file);
        return format_message(" %s After writing to %s reload the configuration.", check, file);
}

static void log_refusal(const struct monitor *monitor, int priority, const struct outage_cause *cause,
                        const char *next)
{
        const char *base_url = monitor->parts.config->api.base_url;
        const char *role = cause->search ? "BusinessBackgroundJob-List" : "BusinessBackgroundJob-Read";
        CLEANUP(cleanup_free) char *advice = NULL;

        if (cause->blocked) {
                journal_print_about(monitor->parts.journal, priority, MESSAGE_ID_API_UNREACHABLE, 0, NULL,
                                    "Requests to the API at %s are blocked, probably by a firewall or proxy "
                                    "in front of it: %s. %s",
                                    base_url, cause->explanation, next);
                return;
        }
        if (session_needed_login(monitor->parts.session) != NULL) {
                journal_print_about(monitor->parts.journal, priority, MESSAGE_ID_LOGIN_NEEDED, 0, NULL,
                                    "Not signed in to the API at %s: %s. %s", base_url, cause->explanation,
                                    next);
                return;
        }
        if (monitor->parts.session == NULL) {
                advice = secret_advice(monitor->parts.config, role, monitor->parts.once);
        } else if (!cause->sign_in) { /* only the role can be missing */
                advice = format_message(" Sign-in works, so the user lacks the role %s: grant it in Nexudus.",
                                        role);
        }
        journal_print_about(monitor->parts.journal, priority, MESSAGE_ID_API_UNAUTHORIZED, 0, NULL,
                            "API at %s rejected the credentials: %s.%s %s", base_url, cause->explanation,
                            advice != NULL ? advice : "", next);
}

static void log_outage(const struct monitor *monitor, const struct outage_cause *cause, bool is_new)
{
        const struct breaker *breaker = planner_breaker(monitor->planner);
        struct journal *journal = monitor->parts.journal;
        const char *base_url = monitor->parts.config->api.base_url, *what = NULL;
        int priority = is_new ? LOG_WARNING : LOG_DEBUG;
        char text[NEXT_STEP_MAX];
        const char *next = next_step(monitor, breaker->probe_us, text);

        switch (breaker->failure) {
        case FAILURE_UNREACHABLE:
                what = "Cannot reach the API at";
                break;
        case FAILURE_NO_RESPONSE:
                what = "No response from the API at";
                break;
        case FAILURE_SERVER_ERROR:
                what = "Server error of the API at";
                break;
        case FAILURE_UNEXPECTED:
                what = "Cannot use the API at";
                break;
        case FAILURE_NOT_FOUND:
                journal_print_about(journal, priority, MESSAGE_ID_API_UNREACHABLE, 0, NULL,
                                    "The API at %s answers 404 to everything; check base_url. %s", base_url,
                                    next);
                return;
        case FAILURE_REFUSED:
                log_refusal(monitor, is_new ? LOG_ERR : LOG_DEBUG, cause, next);
                return;
        case FAILURE_THROTTLED:
        case FAILURE_NONE:
                return;
        }
        journal_print_about(journal, priority, MESSAGE_ID_API_UNREACHABLE, 0, NULL, "%s %s: %s. %s", what,
                            base_url, cause->explanation, next);
}

/* ---- reminders ---- */

uint64_t outage_reminder_after(uint64_t lasted_us)
{
        return (lasted_us / REMINDER_US + 1) * REMINDER_US;
}

static void arm_reminder(struct monitor *monitor)
{
        struct outage_log *log = &monitor->outage;
        uint64_t lasted_us = monitor_now_us(monitor) - log->since_us;

        timer_start_at(log->reminder, log->since_us + outage_reminder_after(lasted_us));
}

static void on_reminder(void *userdata)
{
        struct monitor *monitor = userdata;
        const struct outage_log *log = &monitor->outage;
        const struct breaker *breaker = planner_breaker(monitor->planner);
        const char *base_url = monitor->parts.config->api.base_url;
        char lasted[TIMESPAN_TEXT_MAX], next[NEXT_STEP_MAX];

        if (breaker->state == BREAKER_CLOSED)
                return; /* it has just ended */
        journal_print_about(monitor->parts.journal, LOG_WARNING,
                            breaker->failure == FAILURE_REFUSED ? MESSAGE_ID_API_UNAUTHORIZED
                                                                : MESSAGE_ID_API_UNREACHABLE,
                            0, NULL, "Still cannot use the API at %s after %s: %s. %s", base_url,
                            timespan_format_rough(monitor_now_us(monitor) - log->since_us, lasted),
                            log->explanation, next_step(monitor, breaker->probe_us, next));
        arm_reminder(monitor);
}

static void start_reminders(struct monitor *monitor)
{
        struct outage_log *log = &monitor->outage;

        if (log->reminder == NULL)
                log->reminder =
                        timer_new(monitor->parts.event, CLOCK_BOOTTIME, USEC_PER_SEC, on_reminder, monitor);
        arm_reminder(monitor);
}

/* ---- the end ---- */

static void on_recovery(void *userdata)
{
        struct monitor *monitor = userdata;
        struct outage_log *log = &monitor->outage;
        char lasted[TIMESPAN_TEXT_MAX] = "";

        if (log->logged)
                (void)timespan_format_rough(log->ended_us - log->since_us, lasted);
        if (log->logged && !outage_events_any(monitor)) /* otherwise its end is an event */
                journal_print_about(monitor->parts.journal, LOG_NOTICE, MESSAGE_ID_API_BACK, 0, NULL,
                                    "API is reachable again after %s.", lasted);
        outage_events_note_recovered(monitor, lasted);
        log->logged = false;
        log->since_us = 0;
        source_stop(log->reminder);
}

static void arm_recovery(struct monitor *monitor)
{
        struct outage_log *log = &monitor->outage;

        if (log->recovery == NULL)
                log->recovery =
                        timer_new(monitor->parts.event, CLOCK_BOOTTIME, USEC_PER_MSEC, on_recovery, monitor);
        timer_start_at(log->recovery, log->ended_us + RECOVERY_US);
}

void outage_stop(struct monitor *monitor)
{
        monitor->outage.recovery = sd_event_source_disable_unref(monitor->outage.recovery);
        monitor->outage.reminder = sd_event_source_disable_unref(monitor->outage.reminder);
        outage_events_stop(monitor);
}

/* ---- after each response ---- */

static void outage_continues(struct monitor *monitor, const struct outage_cause *cause)
{
        const struct breaker *breaker = planner_breaker(monitor->planner);
        struct outage_log *log = &monitor->outage;

        source_stop(log->recovery);
        if (log->since_us == 0)
                log->since_us = breaker->since_us;
        if (cause->failure == FAILURE_NONE || cause->failure == FAILURE_THROTTLED)
                return;
        log->blocked = cause->blocked;
        (void)snprintf(log->explanation, sizeof(log->explanation), "%s", cause->explanation);

        bool certain = breaker->failure == FAILURE_UNREACHABLE || breaker->failed_probes > 0 ||
                       cause->sign_in || (monitor->parts.once && planner_is_idle(monitor->planner));
        bool is_new = certain && (!log->logged || log->failure != breaker->failure);
        log_outage(monitor, cause, is_new);
        if (is_new) {
                if (!log->logged)
                        start_reminders(monitor);
                log->logged = true;
                log->failure = breaker->failure;
        }
}

static void outage_ends(struct monitor *monitor, const struct outage_cause *cause)
{
        struct outage_log *log = &monitor->outage;
        bool of_earlier_run = outage_events_any(monitor) && cause->failure == FAILURE_NONE;

        if (!log->logged)
                log->since_us = 0;
        if ((log->logged || of_earlier_run) && !source_is_started(log->recovery)) {
                log->ended_us = monitor_now_us(monitor);
                arm_recovery(monitor);
        }
}

void outage_update(struct monitor *monitor, const struct outage_cause *cause)
{
        if (planner_breaker(monitor->planner)->state != BREAKER_CLOSED)
                outage_continues(monitor, cause);
        else
                outage_ends(monitor, cause);
        outage_events_update(monitor, cause->failure == FAILURE_NONE);
}

void outage_note_login(struct monitor *monitor)
{
        struct outage_log *log = &monitor->outage;

        log->logged = false;
        log->since_us = 0;
        source_stop(log->recovery);
        source_stop(log->reminder);
}

void outage_note_pause(struct monitor *monitor, const char *explanation)
{
        struct outage_log *log = &monitor->outage;
        uint64_t now_us = monitor_now_us(monitor),
                 until_us = planner_throttle(monitor->planner)->pause_until_us;
        uint64_t pause_us = until_us > now_us ? until_us - now_us : 0;
        char pause[TIMESPAN_TEXT_MAX];
        bool is_new = log->throttled_us == 0 || now_us - log->throttled_us > THROTTLING_QUIET_US ||
                      pause_us >= LONG_PAUSE_US;

        if (is_new)
                log->throttled_us = now_us;
        journal_print_about(monitor->parts.journal, is_new ? LOG_WARNING : LOG_DEBUG,
                            MESSAGE_ID_API_THROTTLED, 0, NULL, "Rate limited by the API: %s. %s%s.",
                            explanation, monitor->parts.once ? "Skipping the remaining jobs" : "Pausing for ",
                            monitor->parts.once ? "" : timespan_format_rough(pause_us, pause));
}

/* ---- --once ---- */

static void on_abandoned(void *userdata, struct planner_job *job)
{
        monitor_report(userdata, job_of(job), "not polled");
}

void outage_abandon_in_pause(struct monitor *monitor)
{
        uint64_t now_us = monitor_now_us(monitor),
                 until_us = planner_throttle(monitor->planner)->pause_until_us;
        char span[TIMESPAN_TEXT_MAX];

        if (!monitor->parts.once || until_us <= now_us)
                return;
        journal_print_about(monitor->parts.journal, LOG_WARNING, MESSAGE_ID_API_THROTTLED, 0, NULL,
                            "Rate limited by the API at %s for another %s. Skipping this run.",
                            monitor->parts.config->api.base_url,
                            timespan_format_rough(until_us - now_us, span));
        planner_abandon(monitor->planner, on_abandoned, monitor);
}

/* Until the outage is certain enough to be logged, the next job is the probe. */
void outage_abandon_if_down(struct monitor *monitor)
{
        bool down = planner_breaker(monitor->planner)->state != BREAKER_CLOSED && monitor->outage.logged;

        if (monitor->parts.once &&
            (down || planner_throttle(monitor->planner)->pause_until_us > monitor_now_us(monitor)))
                planner_abandon(monitor->planner, on_abandoned, monitor);
}
