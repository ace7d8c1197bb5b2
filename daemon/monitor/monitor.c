/* SPDX-License-Identifier: MIT */

/*
 * The poller makes the requests that core/planner.h decides on: it hands it the time and the answers, keeps
 * what is under way in a few places, and wakes up when the planner wants to be asked again.
 */

#include "monitor/request_slot.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "journal/event_message.h"
#include "journal/message_ids.h"
#include "util/cleanup.h"
#include "util/timespan.h"

DEFINE_CLEANUP(struct monitor, monitor_free)

uint64_t monitor_now_us(const struct monitor *monitor)
{
        uint64_t now = 0;

        (void)sd_event_now(monitor->parts.event, CLOCK_BOOTTIME, &now);
        return now;
}

static size_t index_of(const struct monitor *monitor, const struct planner_job *job)
{
        return (size_t)(job - planner_jobs(monitor->planner));
}

const struct job_config *monitor_job_config(const struct monitor *monitor, const struct planner_job *job)
{
        return &monitor->parts.config->jobs[index_of(monitor, job)];
}

void monitor_note_answered(struct monitor *monitor, const struct planner_job *job)
{
        monitor->answered[index_of(monitor, job)] = true;
}

void monitor_report(const struct monitor *monitor, const struct planner_job *job, const char *format, ...)
{
        const struct job_config *config = monitor_job_config(monitor, job);
        va_list arguments;

        if (!monitor->parts.report)
                return;
        CLEANUP(cleanup_free) char *label = job_label(config->id, config->name);
        (void)printf("%s: ", label != NULL ? label : "Job");
        va_start(arguments, format);
        (void)vprintf(format, arguments);
        va_end(arguments);
        (void)printf("\n");
}

void monitor_report_record(const struct monitor *monitor, const struct planner_job *job,
                           const struct text *status, enum outcome outcome)
{
        if (!monitor->parts.report)
                return;
        CLEANUP(cleanup_free)
        char *shown = status->data != NULL ? text_escape(status->data, status->size, 80) : NULL;
        monitor_report(monitor, job, "%s (%s)", shown != NULL ? shown : "no Status",
                       outcome_to_string(outcome));
}

/* ---- asking ---- */

void slot_release(struct slot *slot)
{
        batch_clear_rows(slot);
        *slot = (struct slot){ .monitor = NULL };
}

static void on_row(void *userdata, struct job_record *row)
{
        batch_take_row(userdata, row);
}

/* It went out, or it is over without that. */
void slot_note_sent(struct slot *slot)
{
        if (slot->sent)
                return;
        slot->sent = true;
        planner_note_sent(slot->monitor->planner, monitor_now_us(slot->monitor));
}

static void on_sent(void *userdata)
{
        struct slot *slot = userdata;

        slot_note_sent(slot);
        monitor_poll_due(slot->monitor);
}

void monitor_watch_api(struct monitor *monitor)
{
        nexudus_set_sent_handler(monitor->parts.nexudus, on_sent);
}

static void on_answer(void *userdata, const struct nexudus_response *answer)
{
        struct slot *slot = userdata;
        struct monitor *monitor = slot->monitor;

        monitor->fresh_connection = answer->outcome == HTTP_TIMED_OUT;
        slot_note_sent(slot);
        planner_end_request(monitor->planner, &slot->request, monitor_now_us(monitor));
        monitor_take_answer(monitor, slot, answer);
        slot_release(slot);
        monitor_poll_due(monitor);
}

static int start_batch(struct monitor *monitor, struct slot *slot)
{
        const struct planner_request *request = &slot->request;
        uint64_t ids[PLANNER_BATCH_MAX];
        struct nexudus_batch batch = { .ids = ids, .count = request->count, .brief = true, .on_row = on_row };

        slot->rows = calloc(request->count, sizeof(*slot->rows));
        if (slot->rows == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < request->count; i++) {
                ids[i] = request->jobs[i]->id;
                /* Only at first sight can a row be taken for a record. */
                batch.brief &= request->jobs[i]->watch.memory.recorded;
        }
        return nexudus_get_jobs(monitor->parts.nexudus, &batch, monitor->fresh_connection, on_answer, slot,
                                &slot->http);
}

/* The planner starts no more than there are places, so the last one is free if no other is. */
static struct slot *slot_find_free(struct monitor *monitor)
{
        size_t i = 0;

        while (i < MAX_IN_FLIGHT - 1 && monitor->slots[i].monitor != NULL)
                i++;
        return &monitor->slots[i];
}

static int start(struct monitor *monitor, const struct planner_request *request)
{
        struct slot *slot = slot_find_free(monitor);
        int r;

        *slot = (struct slot){ .monitor = monitor, .request = *request };
        if (monitor->parts.session != NULL)
                slot->generation = session_generation(monitor->parts.session);
        budget_spend(&monitor->budget, monitor_now_us(monitor));
        if (request->batch)
                r = start_batch(monitor, slot);
        else
                r = nexudus_get_job(monitor->parts.nexudus, request->jobs[0]->id, monitor->fresh_connection,
                                    on_answer, slot, &slot->http);
        if (r < 0) {
                slot_note_sent(slot);
                planner_abort(monitor->planner, request, monitor_now_us(monitor));
                slot_release(slot);
        }
        return r;
}

/*
 * In a round that is made once, trouble means that the other jobs get no answer: they are not to wait for
 * one.
 */
static void on_abandoned(void *userdata, struct planner_job *job)
{
        monitor_report(userdata, job, "not asked");
}

static void sleep_until(struct monitor *monitor, uint64_t wake_us)
{
        if (wake_us == USEC_NEVER) {
                (void)sd_event_source_set_enabled(monitor->timer, SD_EVENT_OFF);
        } else {
                (void)sd_event_source_set_time(monitor->timer, wake_us);
                (void)sd_event_source_set_enabled(monitor->timer, SD_EVENT_ONESHOT);
        }
        if (planner_is_idle(monitor->planner))
                (void)sd_event_source_set_enabled(monitor->idle, SD_EVENT_ONESHOT);
}

void monitor_poll_due(struct monitor *monitor)
{
        struct planner_request request;
        uint64_t now = monitor_now_us(monitor), wake_us = USEC_NEVER, token_wake_us = USEC_NEVER;

        if (monitor->parts.once && planner_breaker(monitor->planner)->outage != OUTAGE_NONE)
                planner_abandon(monitor->planner, on_abandoned, monitor);

        while (monitor_is_signed_in(monitor, &token_wake_us) &&
               planner_next(monitor->planner, now, &request, &wake_us)) {
                if (start(monitor, &request) < 0) {
                        wake_us = now + USEC_PER_SEC; /* no memory: perhaps later */
                        break;
                }
        }
        sleep_until(monitor, wake_us < token_wake_us ? wake_us : token_wake_us);
}

static int on_timer(sd_event_source *source, uint64_t time_us, void *userdata)
{
        (void)source;
        (void)time_us;
        monitor_poll_due(userdata);
        return 0;
}

static int on_idle(sd_event_source *source, void *userdata)
{
        (void)source;
        struct monitor *monitor = userdata;

        monitor->parts.on_idle(monitor->parts.userdata);
        return 0;
}

/* ---- the whole ---- */

static int build_sources(struct monitor *monitor)
{
        int r = sd_event_add_time(monitor->parts.event, &monitor->timer, CLOCK_BOOTTIME, 0, 2 * USEC_PER_MSEC,
                                  on_timer, monitor);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(monitor->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = sd_event_add_defer(monitor->parts.event, &monitor->idle, on_idle, monitor);
        if (r < 0)
                return r;
        (void)sd_event_source_set_description(monitor->timer, "poller-timer");
        (void)sd_event_source_set_description(monitor->idle, "poller-idle");
        return sd_event_source_set_enabled(monitor->idle, SD_EVENT_OFF);
}

int monitor_new(const struct monitor_parts *parts, struct monitor **ret_poller)
{
        CLEANUP(cleanup_monitor_free) struct monitor *monitor = calloc(1, sizeof(*monitor));
        int r;

        if (monitor == NULL)
                return -ENOMEM;
        monitor->parts = *parts;
        monitor_watch_api(monitor);

        CLEANUP(plan_clear) struct plan plan = { .planner = NULL };
        r = plan_make(parts, parts->config, &plan);
        if (r < 0)
                return r;
        plan_take(monitor, &plan);
        for (size_t i = 0; i < parts->config->job_count; i++) {
                r = plan_recall(monitor, &planner_jobs(monitor->planner)[i]);
                if (r < 0)
                        return r;
        }
        r = build_sources(monitor);
        if (r < 0)
                return r;
        budget_open(&monitor->budget, parts->state, monitor->planner, monitor_now_us(monitor));

        *ret_poller = STEAL_POINTER(monitor);
        return 0;
}

struct monitor *monitor_free(struct monitor *monitor)
{
        if (monitor == NULL)
                return NULL;

        if (monitor->planner != NULL)
                budget_close(&monitor->budget, monitor_now_us(monitor));
        for (size_t i = 0; i < MAX_IN_FLIGHT; i++)
                if (monitor->slots[i].monitor != NULL) {
                        nexudus_cancel(monitor->slots[i].http);
                        slot_release(&monitor->slots[i]);
                }
        planner_free(monitor->planner);
        sd_event_source_disable_unref(monitor->timer);
        sd_event_source_disable_unref(monitor->idle);
        free(monitor->settings);
        free(monitor->answered);
        free(monitor);
        return NULL;
}

/* A single round does not wait for the end of a pause that an earlier one was asked for. */
static void abandon_in_pause(struct monitor *monitor)
{
        uint64_t now = monitor_now_us(monitor),
                 until_us = planner_breaker(monitor->planner)->retry_after_until_us;
        char span[TIMESPAN_TEXT_MAX];

        if (!monitor->parts.once || until_us <= now)
                return;
        journal_print_about(
                monitor->parts.journal, LOG_WARNING, MESSAGE_ID_API_THROTTLED, 0, NULL,
                "The API at %s asked for patience in an earlier run, for another %s. Nothing is asked in "
                "this round.",
                monitor->parts.config->api.base_url, timespan_format_rough(until_us - now, span));
        planner_abandon(monitor->planner, on_abandoned, monitor);
}

void monitor_start(struct monitor *monitor)
{
        for (size_t i = 0; i < monitor->parts.config->job_count; i++)
                plan_start_job(monitor, i);
        abandon_in_pause(monitor);
        sleep_until(monitor, planner_is_idle(monitor->planner) ? USEC_NEVER : monitor_now_us(monitor));
}

bool monitor_is_idle(const struct monitor *monitor)
{
        return planner_is_idle(monitor->planner);
}

struct monitor_counts monitor_count(const struct monitor *monitor)
{
        const struct planner_job *jobs = planner_jobs(monitor->planner);
        struct monitor_counts counts = {
                .watched = monitor->parts.config->job_count,
                .outage = planner_breaker(monitor->planner)->outage,
                .next_us = planner_next_due(monitor->planner),
        };

        counts.spent_hour =
                rate_limiter_spent_hour(planner_governor(monitor->planner), monitor_now_us(monitor));
        for (size_t i = 0; i < counts.watched; i++) {
                const struct job_memory *memory = &jobs[i].watch.memory;

                if (!monitor->answered[i])
                        counts.unanswered++;
                switch (memory->recorded ? memory->outcome : OUTCOME_OPEN) {
                case OUTCOME_OPEN:
                        counts.open++;
                        break;
                case OUTCOME_SUCCESS:
                        counts.succeeded++;
                        break;
                case OUTCOME_FAILURE:
                case OUTCOME_GONE:
                        counts.failed++;
                        break;
                }
        }
        counts.round_us = planner_round_us(monitor->planner, counts.open);
        return counts;
}
