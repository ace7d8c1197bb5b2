/* SPDX-License-Identifier: MIT */

/*
 * The poller makes the requests that core/planner.h decides on: it hands it the time and the answers, keeps
 * what is under way in a few places, and wakes up when the planner wants to be asked again.
 */

#include "poller_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/span.h"
#include "host/event_message.h"
#include "host/message_ids.h"

DEFINE_CLEANUP(struct poller, poller_free)

uint64_t poller_now_us(const struct poller *poller)
{
        uint64_t now = 0;

        (void)sd_event_now(poller->parts.event, CLOCK_BOOTTIME, &now);
        return now;
}

static size_t index_of(const struct poller *poller, const struct planner_job *job)
{
        return (size_t)(job - planner_jobs(poller->planner));
}

const struct job_config *poller_job_config(const struct poller *poller, const struct planner_job *job)
{
        return &poller->parts.config->jobs[index_of(poller, job)];
}

void poller_note_answered(struct poller *poller, const struct planner_job *job)
{
        poller->answered[index_of(poller, job)] = true;
}

void poller_report(const struct poller *poller, const struct planner_job *job, const char *format, ...)
{
        const struct job_config *config = poller_job_config(poller, job);
        va_list arguments;

        if (!poller->parts.report)
                return;
        CLEANUP(cleanup_free) char *label = job_label(config->id, config->name);
        (void)printf("%s: ", label != NULL ? label : "Job");
        va_start(arguments, format);
        (void)vprintf(format, arguments);
        va_end(arguments);
        (void)printf("\n");
}

void poller_report_record(const struct poller *poller, const struct planner_job *job,
                          const struct text *status, enum outcome outcome)
{
        if (!poller->parts.report)
                return;
        CLEANUP(cleanup_free)
        char *shown = status->data != NULL ? text_escape(status->data, status->size, 80) : NULL;
        poller_report(poller, job, "%s (%s)", shown != NULL ? shown : "no Status",
                      outcome_to_string(outcome));
}

/* ---- asking ---- */

void flight_land(struct flight *flight)
{
        flight_clear_rows(flight);
        *flight = (struct flight){ .poller = NULL };
}

static void on_row(void *userdata, struct job_record *row)
{
        flight_take_row(userdata, row);
}

/* It went out, or it is over without that. */
void flight_note_sent(struct flight *flight)
{
        if (flight->sent)
                return;
        flight->sent = true;
        planner_note_sent(flight->poller->planner, poller_now_us(flight->poller));
}

static void on_sent(void *userdata)
{
        struct flight *flight = userdata;

        flight_note_sent(flight);
        poller_poll_due(flight->poller);
}

void poller_watch_api(struct poller *poller)
{
        nexudus_set_sent_handler(poller->parts.nexudus, on_sent);
}

static void on_answer(void *userdata, const struct nexudus_answer *answer)
{
        struct flight *flight = userdata;
        struct poller *poller = flight->poller;

        poller->fresh_connection = answer->outcome == HTTP_TIMED_OUT;
        flight_note_sent(flight);
        planner_end_flight(poller->planner, &flight->request, poller_now_us(poller));
        poller_take_answer(poller, flight, answer);
        flight_land(flight);
        poller_poll_due(poller);
}

static int start_batch(struct poller *poller, struct flight *flight)
{
        const struct planner_request *request = &flight->request;
        uint64_t ids[PLANNER_BATCH_MAX];
        struct nexudus_batch batch = { .ids = ids, .count = request->count, .brief = true, .on_row = on_row };

        flight->rows = calloc(request->count, sizeof(*flight->rows));
        if (flight->rows == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < request->count; i++) {
                ids[i] = request->jobs[i]->id;
                /* Only at first sight can a row be taken for a record. */
                batch.brief &= request->jobs[i]->watch.memory.recorded;
        }
        return nexudus_get_jobs(poller->parts.nexudus, &batch, poller->fresh_connection, on_answer, flight,
                                &flight->http);
}

/* The planner starts no more than there are places, so the last one is free if no other is. */
static struct flight *free_flight(struct poller *poller)
{
        size_t i = 0;

        while (i < FLIGHTS_MAX - 1 && poller->flights[i].poller != NULL)
                i++;
        return &poller->flights[i];
}

static int start(struct poller *poller, const struct planner_request *request)
{
        struct flight *flight = free_flight(poller);
        int r;

        *flight = (struct flight){ .poller = poller, .request = *request };
        if (poller->parts.session != NULL)
                flight->generation = session_generation(poller->parts.session);
        budget_spend(&poller->budget, poller_now_us(poller));
        if (request->batch)
                r = start_batch(poller, flight);
        else
                r = nexudus_get_job(poller->parts.nexudus, request->jobs[0]->id, poller->fresh_connection,
                                    on_answer, flight, &flight->http);
        if (r < 0) {
                flight_note_sent(flight);
                planner_take_back(poller->planner, request, poller_now_us(poller));
                flight_land(flight);
        }
        return r;
}

/*
 * In a round that is made once, trouble means that the other jobs get no answer: they are not to wait for
 * one.
 */
static void on_left_out(void *userdata, struct planner_job *job)
{
        poller_report(userdata, job, "not asked");
}

static void sleep_until(struct poller *poller, uint64_t wake_us)
{
        if (wake_us == USEC_NEVER) {
                (void)sd_event_source_set_enabled(poller->timer, SD_EVENT_OFF);
        } else {
                (void)sd_event_source_set_time(poller->timer, wake_us);
                (void)sd_event_source_set_enabled(poller->timer, SD_EVENT_ONESHOT);
        }
        if (planner_is_idle(poller->planner))
                (void)sd_event_source_set_enabled(poller->idle, SD_EVENT_ONESHOT);
}

void poller_poll_due(struct poller *poller)
{
        struct planner_request request;
        uint64_t now = poller_now_us(poller), wake_us = USEC_NEVER, token_wake_us = USEC_NEVER;

        if (poller->parts.once && planner_health(poller->planner)->trouble != HEALTH_WELL)
                planner_give_up(poller->planner, on_left_out, poller);

        while (poller_is_signed_in(poller, &token_wake_us) &&
               planner_next(poller->planner, now, &request, &wake_us)) {
                if (start(poller, &request) < 0) {
                        wake_us = now + USEC_PER_SEC; /* no memory: perhaps later */
                        break;
                }
        }
        sleep_until(poller, wake_us < token_wake_us ? wake_us : token_wake_us);
}

static int on_timer(sd_event_source *source, uint64_t time_us, void *userdata)
{
        (void)source;
        (void)time_us;
        poller_poll_due(userdata);
        return 0;
}

static int on_idle(sd_event_source *source, void *userdata)
{
        (void)source;
        struct poller *poller = userdata;

        poller->parts.on_idle(poller->parts.userdata);
        return 0;
}

/* ---- the whole ---- */

static int build_sources(struct poller *poller)
{
        int r = sd_event_add_time(poller->parts.event, &poller->timer, CLOCK_BOOTTIME, 0, 2 * USEC_PER_MSEC,
                                  on_timer, poller);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(poller->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = sd_event_add_defer(poller->parts.event, &poller->idle, on_idle, poller);
        if (r < 0)
                return r;
        (void)sd_event_source_set_description(poller->timer, "poller-timer");
        (void)sd_event_source_set_description(poller->idle, "poller-idle");
        return sd_event_source_set_enabled(poller->idle, SD_EVENT_OFF);
}

int poller_new(const struct poller_parts *parts, struct poller **ret_poller)
{
        CLEANUP(cleanup_poller_free) struct poller *poller = calloc(1, sizeof(*poller));
        int r;

        if (poller == NULL)
                return -ENOMEM;
        poller->parts = *parts;
        poller_watch_api(poller);

        CLEANUP(plan_clear) struct plan plan = { .planner = NULL };
        r = plan_make(parts, parts->config, &plan);
        if (r < 0)
                return r;
        plan_take(poller, &plan);
        for (size_t i = 0; i < parts->config->job_count; i++) {
                r = plan_recall(poller, &planner_jobs(poller->planner)[i]);
                if (r < 0)
                        return r;
        }
        r = build_sources(poller);
        if (r < 0)
                return r;
        budget_open(&poller->budget, parts->store, poller->planner, poller_now_us(poller));

        *ret_poller = STEAL_POINTER(poller);
        return 0;
}

struct poller *poller_free(struct poller *poller)
{
        if (poller == NULL)
                return NULL;

        if (poller->planner != NULL)
                budget_close(&poller->budget, poller_now_us(poller));
        for (size_t i = 0; i < FLIGHTS_MAX; i++)
                if (poller->flights[i].poller != NULL) {
                        nexudus_cancel(poller->flights[i].http);
                        flight_land(&poller->flights[i]);
                }
        planner_free(poller->planner);
        sd_event_source_disable_unref(poller->timer);
        sd_event_source_disable_unref(poller->idle);
        free(poller->settings);
        free(poller->answered);
        free(poller);
        return NULL;
}

/* A single round does not wait for the end of a pause that an earlier one was asked for. */
static void give_up_in_pause(struct poller *poller)
{
        uint64_t now = poller_now_us(poller), until_us = planner_health(poller->planner)->asked_us;
        char span[SPAN_TEXT_MAX];

        if (!poller->parts.once || until_us <= now)
                return;
        journal_print_about(
                poller->parts.journal, LOG_WARNING, MESSAGE_ID_API_THROTTLED, 0, NULL,
                "The API at %s asked for patience in an earlier run, for another %s. Nothing is asked in "
                "this round.",
                poller->parts.config->api.base_url, span_format_rough(until_us - now, span));
        planner_give_up(poller->planner, on_left_out, poller);
}

void poller_start(struct poller *poller)
{
        for (size_t i = 0; i < poller->parts.config->job_count; i++)
                plan_start_job(poller, i);
        give_up_in_pause(poller);
        sleep_until(poller, planner_is_idle(poller->planner) ? USEC_NEVER : poller_now_us(poller));
}

bool poller_is_idle(const struct poller *poller)
{
        return planner_is_idle(poller->planner);
}

struct poller_counts poller_count(const struct poller *poller)
{
        const struct planner_job *jobs = planner_jobs(poller->planner);
        struct poller_counts counts = {
                .watched = poller->parts.config->job_count,
                .trouble = planner_health(poller->planner)->trouble,
                .next_us = planner_next_due(poller->planner),
        };

        counts.spent_hour = governor_spent_hour(planner_governor(poller->planner), poller_now_us(poller));
        for (size_t i = 0; i < counts.watched; i++) {
                const struct job_memory *memory = &jobs[i].watch.memory;

                if (!poller->answered[i])
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
        counts.round_us = planner_round_us(poller->planner, counts.open);
        return counts;
}
