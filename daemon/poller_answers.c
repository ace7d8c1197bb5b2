/* SPDX-License-Identifier: MIT */

/*
 * What is made of an answer.
 *
 * The API's trouble is everybody's: an answer that says "down", "too much" or "not you" is charged to the
 * API's health, not to the job, and then nothing is asked but one probe at a time (core/retry.h). Only an odd
 * answer, which says nothing about other jobs, is charged to the job that got it. Neither is news about a
 * job.
 */

#include "poller_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/span.h"
#include "host/event_message.h"
#include "host/message_ids.h"

/* ---- the API's health ---- */

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

struct trouble_words {
        int priority;
        const char *message_id;
        const char *what;
        const char *advice;
};

static const struct trouble_words trouble_words[] = {
        [HEALTH_WELL] = { LOG_DEBUG, NULL, "", "" },
        [HEALTH_UNREACHABLE] = { LOG_WARNING, MESSAGE_ID_API_UNREACHABLE, "cannot be used", "" },
        [HEALTH_THROTTLED] = { LOG_WARNING, MESSAGE_ID_API_THROTTLED, "asks for patience", "" },
        [HEALTH_UNAUTHORIZED] = { LOG_ERR, MESSAGE_ID_API_UNAUTHORIZED, "refuses the credentials",
                                  "; they are wrong, or their user lacks the role "
                                  "BusinessBackgroundJob-Read" },
};

/* A trouble is told when it begins; what keeps it going is for those who debug. */
static void note_trouble(struct poller *poller, enum health_trouble trouble,
                         const struct nexudus_answer *answer)
{
        const struct trouble_words *words = &trouble_words[trouble];
        uint64_t now = poller_now_us(poller);
        char pause[SPAN_TEXT_MAX];

        bool is_new = health_failed(&poller->health, trouble, now, answer->retry_after_us,
                                    poller->parts.config->poll.interval_us, poller_chance());
        uint64_t pause_us = poller->health.resume_us > now ? poller->health.resume_us - now : 0;

        if (poller->parts.once)
                journal_print_about(
                        poller->parts.journal, words->priority, words->message_id, 0, NULL,
                        "The API at %s %s: %s%s. Nothing more is asked in this round, and no job's state "
                        "changes by that.",
                        poller->parts.config->api.base_url, words->what, answer->explanation, words->advice);
        else
                journal_print_about(
                        poller->parts.journal, is_new ? words->priority : LOG_DEBUG, words->message_id, 0,
                        NULL,
                        "The API at %s %s: %s%s. No job's state changes by that; the next attempt is in "
                        "%s, and then again until it answers.",
                        poller->parts.config->api.base_url, words->what, answer->explanation, words->advice,
                        span_format_rough(pause_us, pause));
}

static void note_answer(struct poller *poller)
{
        uint64_t lasted_us;
        char lasted[SPAN_TEXT_MAX];

        if (health_succeeded(&poller->health, poller_now_us(poller), &lasted_us))
                journal_print_about(poller->parts.journal, LOG_NOTICE, MESSAGE_ID_API_BACK, 0, NULL,
                                    "The API at %s answers again, after %s.",
                                    poller->parts.config->api.base_url, span_format_rough(lasted_us, lasted));
}

/* ---- one job ---- */

void job_report(const struct watched_job *job, const char *format, ...)
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

        job_report(job, "%s (%s)", shown != NULL ? shown : "no Status", outcome_to_string(outcome));
}

static void plan_next(struct watched_job *job, bool changed)
{
        const struct poll_config *poll = &job->config->poll;

        job->pace_us = pace_next(job->pace_us, changed, poll->interval_us, poll->max_interval_us);
        job_plan(job, pace_jitter(job->pace_us, poller_chance()));
}

/* Has the news recorded. Returns false if that failed: then the same news will be seen again. */
static bool take_news(struct watched_job *job, const struct change *change, struct job_record *record)
{
        struct poller *poller = job->poller;
        struct job_memory seen = { .recorded = false };

        if (record != NULL)
                seen = job_memory_of(record, change->outcome);
        if (recorder_take(poller->parts.recorder, job->config, &job->watch.memory, change, record) < 0)
                return false;
        watch_note_recorded(&job->watch, change, &seen, poller_now_us(poller));
        return true;
}

static void take_record(struct watched_job *job, struct job_record *record)
{
        struct poller *poller = job->poller;
        const struct watch_rules rules = {
                .status = poller->parts.config->status_rules,
                .stalled_after_us = job->config->poll.stalled_after_us,
                .result_wait_us = job->config->poll.result_wait_us,
        };
        struct sight sight = watch_see(&job->watch, &rules, record, poller_now_us(poller));

        job->odd_answers = 0;
        job->answered = true;
        report_record(job, &record->status, sight.change.outcome);
        if (sight.change.unknown_status && sight.change.news)
                recorder_note_unknown_status(poller->parts.recorder, job->config, &record->status);

        bool changed = sight.change.news && sight.change.kind != EVENT_STALLED;
        if (sight.change.news)
                (void)take_news(job, &sight.change, record);
        if (job_is_finished(job))
                return;
        if (sight.look_again_us > 0 && sight.look_again_us < job->config->poll.interval_us)
                job_plan(job, sight.look_again_us);
        else
                plan_next(job, changed || sight.look_again_us > 0);
}

static void take_absence(struct watched_job *job, const char *explanation)
{
        struct poller *poller = job->poller;
        CLEANUP(cleanup_free) char *label = job_label(job->config->id, job->config->name);
        struct change change = watch_miss(&job->watch, poller_now_us(poller));

        job->odd_answers = 0;
        job->answered = true;
        job_report(job, "not found (404)");
        if (change.news) {
                (void)take_news(job, &change, NULL);
        } else if (job->watch.absences == 1) {
                journal_print_about(
                        poller->parts.journal, LOG_WARNING, NULL, job->config->id, job->config->name,
                        "%s was not found: %s. If that stays so for a minute, it is taken for gone; check "
                        "the number if this job should exist.",
                        label != NULL ? label : "A job", explanation);
        }
        if (!job_is_finished(job))
                plan_next(job, true);
}

/* An answer that makes no sense may make sense later, and the job is not to cost more than one that is well.
 */
static void take_odd(struct watched_job *job, const char *explanation)
{
        const struct poll_config *poll = &job->config->poll;
        CLEANUP(cleanup_free) char *label = job_label(job->config->id, job->config->name);

        job_report(job, "no sensible answer: %s", explanation);
        job->odd_answers++;
        /* Told when it begins; a job that stays odd is no news. */
        journal_print_about(
                job->poller->parts.journal, job->odd_answers == 1 ? LOG_WARNING : LOG_DEBUG, NULL,
                job->config->id, job->config->name,
                "%s: the API was asked and %s. What is known of the job stays as it is; it is asked "
                "again.",
                label != NULL ? label : "A job", explanation);
        job_plan(job, poll->interval_us / 2 + backoff_span(job->odd_answers, poll->interval_us,
                                                           poll->max_interval_us, poller_chance()));
}

void job_take_answer(struct watched_job *job, const struct nexudus_answer *answer)
{
        enum health_trouble trouble = trouble_of(answer->verdict);

        if (trouble == HEALTH_WELL)
                note_answer(job->poller);
        else
                note_trouble(job->poller, trouble, answer);

        switch (answer->verdict) {
        case NEXUDUS_RECORD:
                take_record(job, answer->record);
                break;
        case NEXUDUS_ABSENT:
                take_absence(job, answer->explanation);
                break;
        case NEXUDUS_ODD:
                take_odd(job, answer->explanation);
                break;
        case NEXUDUS_THROTTLED:
        case NEXUDUS_UNAUTHORIZED:
        case NEXUDUS_UNREACHABLE:
                job_report(job, "no answer: %s", answer->explanation);
                job_plan(job, 0); /* it remains the longest overdue */
                break;
        }
}
