/* SPDX-License-Identifier: MIT */

/*
 * Each open job has a due time in the schedule. When it comes, and the API is well, the job is asked for; the
 * answer ends in on_answer(), which either has news for the recorder or not, and puts the job back into the
 * schedule.
 *
 * The API's trouble is everybody's: an answer that says "down", "too much" or "not you" is charged to the
 * API's health, not to the job, and then nothing is asked but one probe at a time (core/retry.h). Only an odd
 * answer, which says nothing about other jobs, is charged to the job that got it.
 */

#include "poller.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/span.h"
#include "core/change.h"
#include "core/schedule.h"
#include "host/event_message.h"
#include "host/message_ids.h"

/* Requests under way at a time; more would not be answered sooner at 100 ms from one to the next. */
#define FLIGHTS_MAX 8

/* Jobs that are due this soon are asked for together: a wake-up costs more than a request. */
#define TOGETHER_US (50 * USEC_PER_MSEC)

struct watched_job {
        struct schedule_entry entry; /* must be first: the schedule hands it back */
        struct poller *poller;
        const struct job_config *config;
        struct job_memory memory;
        struct nexudus_request *request; /* under way */
        uint64_t pace_us;                /* from the last look to the next */
        unsigned odd_answers;            /* in a row */
        bool settled;                    /* `once`: nothing more is asked */
        bool answered;                   /* `once`: with a sensible answer */
};

struct poller {
        struct poller_parts parts;
        struct watched_job *jobs;
        size_t job_count;
        struct schedule schedule;
        struct health health;
        sd_event_source *timer;
        sd_event_source *idle; /* calls on_idle() from the loop */
        size_t flights;
        bool fresh_connection; /* the last request timed out: do not trust the open connection */
};

DEFINE_CLEANUP(struct poller, poller_free)

static uint64_t now_us(const struct poller *poller)
{
        uint64_t now = 0;

        (void)sd_event_now(poller->parts.event, CLOCK_BOOTTIME, &now);
        return now;
}

static uint64_t chance(void)
{
        uint64_t number = 0;

        /* Without entropy, early at boot, there is no jitter: nothing that matters depends on it. */
        if (getrandom(&number, sizeof(number), GRND_NONBLOCK) < 0)
                return 0;
        return number;
}

/* ---- when ---- */

static bool is_finished(const struct watched_job *job)
{
        return job->settled || (job->memory.recorded && outcome_is_terminal(job->memory.outcome));
}

static void plan(struct watched_job *job, uint64_t span_us)
{
        struct poller *poller = job->poller;

        /* Room was reserved for every job. */
        (void)schedule_put(&poller->schedule, &job->entry, now_us(poller) + span_us);
}

static void plan_next(struct watched_job *job, bool changed)
{
        const struct poll_config *poll = &job->config->poll;

        job->pace_us = pace_next(job->pace_us, changed, poll->interval_us, poll->max_interval_us);
        plan(job, pace_jitter(job->pace_us, chance()));
}

/* An answer that makes no sense may make sense later, and the job is not to cost more than one that is well.
 */
static void plan_after_odd(struct watched_job *job)
{
        const struct poll_config *poll = &job->config->poll;

        plan(job, poll->interval_us / 2 +
                          backoff_span(job->odd_answers, poll->interval_us, poll->max_interval_us, chance()));
}

/* Arms the timer for the next time at which something can be asked, and tells the daemon when nothing ever
 * will. */
static void arm(struct poller *poller)
{
        const struct schedule_entry *first = schedule_first(&poller->schedule);
        uint64_t when_us = USEC_NEVER;

        if (first != NULL && poller->flights < FLIGHTS_MAX) {
                when_us = health_next(&poller->health, 0);
                if (when_us < first->due_us)
                        when_us = first->due_us;
        }

        if (when_us == USEC_NEVER) {
                (void)sd_event_source_set_enabled(poller->timer, SD_EVENT_OFF);
        } else {
                (void)sd_event_source_set_time(poller->timer, when_us);
                (void)sd_event_source_set_enabled(poller->timer, SD_EVENT_ONESHOT);
        }
        if (first == NULL && poller->flights == 0)
                (void)sd_event_source_set_enabled(poller->idle, SD_EVENT_ONESHOT);
}

/* ---- answers ---- */

static void report(const struct watched_job *job, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

static void report(const struct watched_job *job, const char *format, ...)
{
        va_list arguments;

        if (!job->poller->parts.report)
                return;
        CLEANUP(cleanup_free) char *label = job_label(job->config->id, job->config->name);
        (void)printf("%s: ", label != NULL ? label : "Job");
        va_start(arguments, format);
        (void)vprintf(format, arguments);
        va_end(arguments);
        (void)printf("\n");
}

static void report_record(const struct watched_job *job, const struct text *status, enum outcome outcome)
{
        CLEANUP(cleanup_free)
        char *shown = status->data != NULL ? text_escape(status->data, status->size, 80) : NULL;

        report(job, "%s (%s)", shown != NULL ? shown : "no Status", outcome_to_string(outcome));
}

/* Returns whether the job changed, or a negative errno if that could not be recorded. */
static int take_record(struct watched_job *job, struct job_record *record)
{
        struct poller *poller = job->poller;
        struct change change = change_detect(&job->memory, record, poller->parts.config->status_rules);
        struct job_memory memory = job_memory_of(record, change.outcome);

        job->odd_answers = 0;
        job->answered = true;
        report_record(job, &record->status, change.outcome);
        if (change.unknown_status && change.news)
                recorder_note_unknown_status(poller->parts.recorder, job->config, &record->status);
        if (!change.news)
                return 0;

        int r = recorder_take(poller->parts.recorder, job->config, &job->memory, &change, record);
        if (r < 0)
                return r;
        job->memory = memory;
        return 1;
}

static void take_odd(struct watched_job *job, const char *explanation)
{
        struct poller *poller = job->poller;
        CLEANUP(cleanup_free) char *label = job_label(job->config->id, job->config->name);

        report(job, "no sensible answer: %s", explanation);
        job->odd_answers++;
        /* Once when it begins; a job that stays odd is no news. */
        journal_print_about(
                poller->parts.journal, job->odd_answers == 1 ? LOG_WARNING : LOG_DEBUG, NULL, job->config->id,
                job->config->name,
                "%s: the API was asked and %s. What is known of the job stays as it is; it is asked "
                "again.",
                label != NULL ? label : "A job", explanation);
}

static void note_trouble(struct poller *poller, enum health_trouble trouble,
                         const struct nexudus_answer *answer)
{
        struct journal *journal = poller->parts.journal;
        uint64_t now = now_us(poller);
        char pause[SPAN_TEXT_MAX];

        bool is_new = health_failed(&poller->health, trouble, now, answer->retry_after_us,
                                    poller->parts.config->poll.interval_us, chance());
        uint64_t pause_us = poller->health.resume_us > now ? poller->health.resume_us - now : 0;
        span_format_rough(pause_us, pause);

        const char *next = poller->parts.once
                                   ? "nothing more is asked in this round"
                                   : "no job's state changes by that, and the API is probed until it answers";
        switch (trouble) {
        case HEALTH_WELL:
                break;
        case HEALTH_UNREACHABLE:
                journal_print_about(journal, is_new ? LOG_WARNING : LOG_DEBUG, MESSAGE_ID_API_UNREACHABLE, 0,
                                    NULL, "The API at %s cannot be used: %s; %s (next attempt in %s).",
                                    poller->parts.config->api.base_url, answer->explanation, next, pause);
                break;
        case HEALTH_THROTTLED:
                journal_print_about(journal, is_new ? LOG_WARNING : LOG_DEBUG, MESSAGE_ID_API_THROTTLED, 0,
                                    NULL, "The API at %s asks for patience: %s; %s (next attempt in %s).",
                                    poller->parts.config->api.base_url, answer->explanation, next, pause);
                break;
        case HEALTH_UNAUTHORIZED:
                journal_print_about(
                        journal, is_new ? LOG_ERR : LOG_DEBUG, MESSAGE_ID_API_UNAUTHORIZED, 0, NULL,
                        "The API at %s refuses the credentials: %s. Either they are wrong, or their user "
                        "lacks the role BusinessBackgroundJob-Read; %s (next attempt in %s).",
                        poller->parts.config->api.base_url, answer->explanation, next, pause);
                break;
        }
}

static void note_answer(struct poller *poller)
{
        uint64_t lasted_us;
        char lasted[SPAN_TEXT_MAX];

        if (health_succeeded(&poller->health, now_us(poller), &lasted_us))
                journal_print_about(poller->parts.journal, LOG_NOTICE, MESSAGE_ID_API_BACK, 0, NULL,
                                    "The API at %s answers again, after %s.",
                                    poller->parts.config->api.base_url, span_format_rough(lasted_us, lasted));
}

static enum health_trouble trouble_of(enum nexudus_verdict verdict)
{
        switch (verdict) {
        case NEXUDUS_THROTTLED:
                return HEALTH_THROTTLED;
        case NEXUDUS_UNAUTHORIZED:
                return HEALTH_UNAUTHORIZED;
        case NEXUDUS_UNREACHABLE:
                return HEALTH_UNREACHABLE;
        case NEXUDUS_RECORD:
        case NEXUDUS_ABSENT:
        case NEXUDUS_ODD:
                break;
        }
        return HEALTH_WELL;
}

static void poll_due(struct poller *poller);

static void on_answer(void *userdata, const struct nexudus_answer *answer)
{
        struct watched_job *job = userdata;
        struct poller *poller = job->poller;
        enum health_trouble trouble = trouble_of(answer->verdict);

        job->request = NULL;
        poller->flights--;
        poller->fresh_connection = answer->outcome == HTTP_TIMED_OUT;

        if (trouble == HEALTH_WELL)
                note_answer(poller);
        else
                note_trouble(poller, trouble, answer);

        if (answer->verdict == NEXUDUS_RECORD) {
                int r = take_record(job, answer->record);
                if (!is_finished(job))
                        plan_next(job, r != 0);
        } else if (trouble == HEALTH_WELL) {
                take_odd(job, answer->explanation);
                plan_after_odd(job);
        } else {
                report(job, "no answer: %s", answer->explanation);
                plan(job, 0); /* it remains the longest overdue */
        }

        if (poller->parts.once) {
                job->settled = true;
                schedule_remove(&poller->schedule, &job->entry);
        }
        poll_due(poller);
}

/* ---- asking ---- */

static int ask(struct watched_job *job)
{
        struct poller *poller = job->poller;

        int r = nexudus_get_job(poller->parts.nexudus, job->config->id, poller->fresh_connection, on_answer,
                                job, &job->request);
        if (r < 0) {
                plan(job, job->config->poll.interval_us);
                return r;
        }
        poller->flights++;
        health_started(&poller->health);
        return 0;
}

/* In a round that is made once, trouble means that the other jobs get no answer: they are not to wait for
 * one. */
static void settle_the_rest(struct poller *poller)
{
        struct schedule_entry *entry;

        while ((entry = schedule_first(&poller->schedule)) != NULL) {
                struct watched_job *job = (struct watched_job *)entry;

                schedule_remove(&poller->schedule, entry);
                report(job, "not asked");
                job->settled = true;
        }
}

static void poll_due(struct poller *poller)
{
        uint64_t now = now_us(poller);

        while (poller->flights < FLIGHTS_MAX && health_allows(&poller->health, now)) {
                struct schedule_entry *entry = schedule_take_due(&poller->schedule, now + TOGETHER_US);
                if (entry == NULL)
                        break;
                if (ask((struct watched_job *)entry) < 0)
                        break;
        }
        if (poller->parts.once && poller->health.trouble != HEALTH_WELL)
                settle_the_rest(poller);
        arm(poller);
}

static int on_timer(sd_event_source *source, uint64_t time_us, void *userdata)
{
        (void)source;
        (void)time_us;
        poll_due(userdata);
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

static int job_init(struct watched_job *job, struct poller *poller, const struct job_config *config)
{
        struct stored_job known;

        job->poller = poller;
        job->config = config;

        int r = store_get_job(poller->parts.store, config->id, &known);
        if (r > 0)
                job->memory = (struct job_memory){
                        .status = known.status,
                        .result = known.result,
                        .outcome = known.outcome,
                        .recorded = true,
                };
        return r < 0 ? r : 0;
}

int poller_new(const struct poller_parts *parts, struct poller **ret_poller)
{
        CLEANUP(cleanup_poller_free) struct poller *poller = calloc(1, sizeof(*poller));
        const struct config *config = parts->config;
        int r;

        if (poller == NULL)
                return -ENOMEM;
        poller->parts = *parts;
        poller->health = HEALTH_INITIAL;

        poller->jobs = calloc(config->job_count, sizeof(*poller->jobs));
        if (poller->jobs == NULL)
                return -ENOMEM;
        poller->job_count = config->job_count;
        r = schedule_reserve(&poller->schedule, config->job_count);
        if (r < 0)
                return r;
        for (size_t i = 0; i < config->job_count; i++) {
                r = job_init(&poller->jobs[i], poller, &config->jobs[i]);
                if (r < 0)
                        return r;
        }

        r = sd_event_add_time(parts->event, &poller->timer, CLOCK_BOOTTIME, 0, TOGETHER_US, on_timer, poller);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(poller->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = sd_event_add_defer(parts->event, &poller->idle, on_idle, poller);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(poller->idle, SD_EVENT_OFF);
        if (r < 0)
                return r;
        (void)sd_event_source_set_description(poller->timer, "poller-timer");
        (void)sd_event_source_set_description(poller->idle, "poller-idle");

        *ret_poller = STEAL_POINTER(poller);
        return 0;
}

struct poller *poller_free(struct poller *poller)
{
        if (poller == NULL)
                return NULL;

        for (size_t i = 0; poller->jobs != NULL && i < poller->job_count; i++)
                nexudus_cancel(poller->jobs[i].request);
        schedule_clear(&poller->schedule);
        sd_event_source_disable_unref(poller->timer);
        sd_event_source_disable_unref(poller->idle);
        free(poller->jobs);
        free(poller);
        return NULL;
}

int poller_start(struct poller *poller)
{
        uint64_t now = now_us(poller);

        for (size_t i = 0; i < poller->job_count; i++) {
                struct watched_job *job = &poller->jobs[i];

                if (is_finished(job) && !job->config->from_command_line) {
                        report(job, "has ended before (%s)", outcome_to_string(job->memory.outcome));
                        continue;
                }
                int r = schedule_put(&poller->schedule, &job->entry, now);
                if (r < 0)
                        return r;
        }
        arm(poller);
        return 0;
}

struct poller_counts poller_count(const struct poller *poller)
{
        const struct schedule_entry *first = schedule_first(&poller->schedule);
        struct poller_counts counts = {
                .watched = poller->job_count,
                .trouble = poller->health.trouble,
                .next_us = first != NULL ? first->due_us : USEC_NEVER,
        };

        for (size_t i = 0; i < poller->job_count; i++) {
                const struct watched_job *job = &poller->jobs[i];

                if (job->settled && !job->answered)
                        counts.unanswered++;
                if (!job->memory.recorded) {
                        counts.open++;
                        continue;
                }
                switch (job->memory.outcome) {
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
        return counts;
}
