/* SPDX-License-Identifier: MIT */

/*
 * What an outage has had so far is a value of the state. It is written in the transaction of an event, so
 * that a crash cannot make the event come twice.
 *
 *      response, timer, recorded ──> go_on: record what is due, else keep what has changed
 */

#include "monitor/outage_events.h"

#include <stdlib.h>
#include <string.h>

#include "platform/clock.h"
#include "util/cleanup.h"
#include "util/message.h"
#include "util/timer.h"
#include "util/timespan.h"

#define KEY_OUTAGE "outage"

/* When an event that could not be recorded is tried again. */
#define RETRY_US (10 * USEC_PER_SEC)

static bool is_equal(const struct api_events_kept *left, const struct api_events_kept *right)
{
        return left->since_us == right->since_us && left->down == right->down &&
               left->refused == right->refused;
}

static const void *value_of(const struct api_events_kept *kept)
{
        return is_equal(kept, &(struct api_events_kept){ 0 }) ? NULL : kept;
}

bool outage_events_any(const struct monitor *monitor)
{
        const struct outage_events *log = &monitor->outage_events;

        return log->events.now.down || log->events.now.refused || log->recording;
}

/* ---- recording ---- */

static char *describe(const struct monitor *monitor, enum event_kind kind)
{
        const char *base_url = monitor->parts.config->api.base_url;
        const char *explanation = monitor->outage.explanation, *lasted = monitor->outage_events.lasted;

        if (kind == EVENT_API_DOWN)
                return format_message("API at %s has been down for over 10min: %s", base_url, explanation);
        if (kind == EVENT_API_REFUSED && session_needed_login(monitor->parts.session) != NULL)
                return format_message("API at %s cannot be used without a login: %s", base_url, explanation);
        if (kind == EVENT_API_REFUSED)
                return format_message("API at %s refuses the credentials: %s", base_url, explanation);
        return format_message("API at %s is reachable again%s%s", base_url, *lasted != '\0' ? " after " : "",
                              lasted);
}

static void go_on(struct monitor *monitor);

static void on_recorded(void *userdata, bool recorded)
{
        struct monitor *monitor = userdata;
        struct outage_events *log = &monitor->outage_events;

        monitor->commits--;
        log->recording = false;
        if (recorded) {
                api_events_note_recorded(&log->events, log->kind);
        } else { /* it is tried again later */
                log->retry_us = monitor_now_us(monitor) + RETRY_US;
                log->is_kept = false;
        }
        go_on(monitor);
        monitor_poll_soon(monitor);
}

static void record(struct monitor *monitor, enum event_kind kind, uint64_t now_us)
{
        struct outage_events *log = &monitor->outage_events;
        struct api_events next = log->events;
        CLEANUP(cleanup_free) char *description = describe(monitor, kind);

        api_events_note_recorded(&next, kind);
        log->kept = api_events_keep(&next, now_us);
        log->is_kept = true;
        log->kind = kind;
        log->recording = true;
        monitor->commits++;
        const struct recorder_value value = { KEY_OUTAGE, value_of(&log->kept), sizeof(log->kept) };
        recorder_record_api(monitor->parts.recorder, kind, description, &value, on_recorded, monitor);
}

/* ---- what is due ---- */

static void keep(struct monitor *monitor, uint64_t now_us)
{
        struct outage_events *log = &monitor->outage_events;
        const struct api_events_kept kept = api_events_keep(&log->events, now_us);

        if (log->is_kept && is_equal(&kept, &log->kept))
                return;
        log->kept = kept;
        log->is_kept = true;
        state_put_value(monitor->parts.state, KEY_OUTAGE, value_of(&kept), sizeof(kept));
}

static void on_timer(void *userdata);

static void set_timer(struct monitor *monitor, uint64_t time_us)
{
        struct outage_events *log = &monitor->outage_events;

        if (time_us == UINT64_MAX) {
                source_stop(log->timer);
                return;
        }
        if (log->timer == NULL)
                log->timer =
                        timer_new(monitor->parts.event, CLOCK_BOOTTIME, USEC_PER_MSEC, on_timer, monitor);
        timer_start_at(log->timer, time_us);
}

static void go_on(struct monitor *monitor)
{
        struct outage_events *log = &monitor->outage_events;
        uint64_t now_us = monitor_now_us(monitor);
        enum event_kind kind;

        if (monitor->stopped || log->recording)
                return;
        bool is_due = api_events_due(&log->events, now_us, &kind);
        if (is_due && log->retry_us <= now_us) {
                record(monitor, kind, now_us);
                return;
        }
        keep(monitor, now_us);
        set_timer(monitor, is_due ? log->retry_us : api_events_next(&log->events, now_us));
}

/* A refusal that is not certain enough to be logged says nothing. */
static void note(struct monitor *monitor, bool success)
{
        const struct breaker *breaker = planner_breaker(monitor->planner);
        const struct outage_log *outage = &monitor->outage;
        struct outage_events *log = &monitor->outage_events;
        enum api_condition condition = API_DOWN;

        if (breaker->state == BREAKER_CLOSED) {
                if (!success && log->events.due_us == 0) /* perhaps the outage of an earlier run goes on */
                        return;
                condition = API_WELL;
        } else if (breaker->failure == FAILURE_REFUSED && !outage->blocked) {
                if (!outage->logged || outage->failure != FAILURE_REFUSED)
                        return;
                condition = API_REFUSED;
        }
        api_events_note(&log->events, condition, monitor_now_us(monitor), clock_wall_us());
}

/*
 * With `once`: the API is not down since an earlier run any more. An outage that has had an event has its
 * end, too, in a later run.
 */
static void forget_beginning(struct monitor *monitor)
{
        struct api_events_kept *kept = &monitor->outage_events.kept;

        if (kept->since_us == 0)
                return;
        kept->since_us = 0;
        state_put_value(monitor->parts.state, KEY_OUTAGE, value_of(kept), sizeof(*kept));
}

void outage_events_update(struct monitor *monitor, bool success)
{
        if (monitor->parts.once) {
                if (success && planner_breaker(monitor->planner)->state == BREAKER_CLOSED)
                        forget_beginning(monitor);
                return;
        }
        note(monitor, success);
        go_on(monitor);
}

static void on_timer(void *userdata)
{
        outage_events_update(userdata, false);
}

void outage_events_note_recovered(struct monitor *monitor, const char *lasted)
{
        struct outage_events *log = &monitor->outage_events;

        if (monitor->parts.once)
                return;
        (void)snprintf(log->lasted, sizeof(log->lasted), "%s", log->is_resumed ? "" : lasted);
        log->is_resumed = false;
        api_events_note_recovered(&log->events);
        go_on(monitor);
}

/* ---- life ---- */

void outage_events_resume(struct monitor *monitor)
{
        struct outage_events *log = &monitor->outage_events;
        CLEANUP(cleanup_free) void *data = NULL;
        size_t size = 0;

        if (store_get_value(state_store(monitor->parts.state), KEY_OUTAGE, &data, &size) <= 0 ||
            size != sizeof(log->kept))
                return;
        memcpy(&log->kept, data, sizeof(log->kept));
        if (monitor->parts.once)
                return;
        log->is_resumed = true;
        log->is_kept = true;
        api_events_resume(&log->events, &log->kept);
}

void outage_events_stop(struct monitor *monitor)
{
        monitor->outage_events.timer = sd_event_source_disable_unref(monitor->outage_events.timer);
}
