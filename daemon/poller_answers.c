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

#include "absence.h"
#include "base/cleanup.h"
#include "base/span.h"
#include "host/chance.h"
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
        case NEXUDUS_ROWS:
        case NEXUDUS_UNBATCHED:
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
void poller_take_trouble(struct poller *poller, const struct planner_request *request,
                         enum health_trouble trouble, uint64_t retry_after_us, const char *explanation,
                         const char *advice)
{
        const struct trouble_words *words = &trouble_words[trouble];
        const char *base_url = poller->parts.config->api.base_url;
        uint64_t now = poller_now_us(poller);
        char pause[SPAN_TEXT_MAX];

        bool is_new =
                planner_take_trouble(poller->planner, request, trouble, retry_after_us, now, chance_number());
        uint64_t resume_us = planner_health(poller->planner)->resume_us;
        if (retry_after_us > 0)
                budget_keep(&poller->budget, now);
        if (advice == NULL)
                advice = words->advice;

        if (poller->parts.once)
                journal_print_about(
                        poller->parts.journal, words->priority, words->message_id, 0, NULL,
                        "The API at %s %s: %s%s. Nothing more is asked in this round, and no job's state "
                        "changes by that.",
                        base_url, words->what, explanation, advice);
        else
                journal_print_about(
                        poller->parts.journal, is_new ? words->priority : LOG_DEBUG, words->message_id, 0,
                        NULL,
                        "The API at %s %s: %s%s. No job's state changes by that; the next attempt is in "
                        "%s, and then again until it answers.",
                        base_url, words->what, explanation, advice,
                        span_format_rough(resume_us > now ? resume_us - now : 0, pause));
        for (size_t i = 0; i < request->count; i++)
                poller_report(poller, request->jobs[i], "no answer: %s", explanation);
}

void poller_take_health(struct poller *poller, const struct planner_request *request)
{
        uint64_t lasted_us;
        char lasted[SPAN_TEXT_MAX];

        if (planner_take_health(poller->planner, request, poller_now_us(poller), &lasted_us))
                journal_print_about(poller->parts.journal, LOG_NOTICE, MESSAGE_ID_API_BACK, 0, NULL,
                                    "The API at %s answers again, after %s.",
                                    poller->parts.config->api.base_url, span_format_rough(lasted_us, lasted));
}

/* A refusal that a new token may mend is none. Returns true if that is tried. */
static bool is_signed_out(struct poller *poller, const struct flight *flight, enum health_trouble trouble)
{
        struct session *session = poller->parts.session;

        if (session == NULL)
                return false;
        if (trouble == HEALTH_UNAUTHORIZED)
                return session_note_refused(session, flight->generation);
        if (trouble == HEALTH_WELL)
                session_note_accepted(session, flight->generation);
        return false;
}

/* ---- one job ---- */

static void take_record(struct poller *poller, struct planner_job *job, struct job_record *record)
{
        const struct job_config *config = poller_job_config(poller, job);
        uint64_t now = poller_now_us(poller);
        bool was_absent = job->watch.absences > 0;

        record->has_result = true; /* what a job's own record leaves out is null */
        struct sight sight = planner_take_record(poller->planner, job, record, now);
        struct job_memory seen = job_memory_of(record, sight.change.outcome);
        bool recorded = false;

        if (was_absent)
                absence_forget(poller->parts.store, job->id);
        poller_note_answered(poller, job);
        poller_report_record(poller, job, &record->status, sight.change.outcome);
        if (sight.change.news) {
                if (sight.change.unknown_status)
                        recorder_note_unknown_status(poller->parts.recorder, config, &record->status);
                recorded = recorder_take(poller->parts.recorder, config, &job->watch.memory, &sight.change,
                                         record) >= 0;
        } else if (sight.change.reads_result) {
                recorded = recorder_keep_result(poller->parts.recorder, config, record) >= 0;
        }
        planner_settle(poller->planner, job, &sight, recorded, &seen, now, chance_number());
}

static void take_absence(struct poller *poller, struct planner_job *job, const char *explanation)
{
        const struct job_config *config = poller_job_config(poller, job);
        CLEANUP(cleanup_free) char *label = job_label(config->id, config->name);
        uint64_t now = poller_now_us(poller);
        struct sight sight = planner_take_absence(poller->planner, job, now);
        bool recorded = false;

        poller_note_answered(poller, job);
        poller_report(poller, job, "not found (404)");
        if (sight.change.news)
                absence_forget(poller->parts.store, job->id);
        else if (job->watch.absences < GONE_ABSENCES)
                absence_keep(poller->parts.store, job->id, &job->watch, now);
        if (sight.change.news)
                recorded = recorder_take(poller->parts.recorder, config, &job->watch.memory, &sight.change,
                                         NULL) >= 0;
        else if (job->watch.absences == 1)
                journal_print_about(
                        poller->parts.journal, LOG_WARNING, NULL, config->id, config->name,
                        "%s was not found: %s. If that stays so for a minute, it is taken for gone; check "
                        "the number if this job should exist.",
                        label != NULL ? label : "A job", explanation);
        planner_settle(poller->planner, job, &sight, recorded, NULL, now, chance_number());
}

static void take_odd(struct poller *poller, struct planner_job *job, const char *explanation)
{
        const struct job_config *config = poller_job_config(poller, job);
        CLEANUP(cleanup_free) char *label = job_label(config->id, config->name);

        poller_report(poller, job, "no sensible answer: %s", explanation);
        planner_take_odd(poller->planner, job, poller_now_us(poller), chance_number());
        /* Told when it begins; a job that stays odd is no news. */
        journal_print_about(
                poller->parts.journal, job->odd_answers == 1 ? LOG_WARNING : LOG_DEBUG, NULL, config->id,
                config->name,
                "%s: the API was asked and %s. What is known of the job stays as it is; it is asked "
                "again.",
                label != NULL ? label : "A job", explanation);
}

/* ---- any answer ---- */

/* Told once, although several batches may have been under way and be refused one after the other. */
static void refuse_batches(struct poller *poller, const struct planner_request *request,
                           const char *explanation)
{
        journal_print(
                poller->parts.journal, planner_batches(poller->planner) ? LOG_NOTICE : LOG_DEBUG,
                "The API does not take several jobs in one request: %s. Jobs are asked for one by one for an "
                "hour, and then it is tried again.",
                explanation);
        planner_refuse_batches(poller->planner, request, poller_now_us(poller));
}

static void shrink_batches(struct poller *poller, const struct planner_request *request,
                           const char *explanation)
{
        planner_shrink_batches(poller->planner, request, poller_now_us(poller));
        journal_print(poller->parts.journal, LOG_NOTICE,
                      "Asked for %zu jobs in one request, %s; from now on jobs are asked for half as many at "
                      "a time.",
                      request->count, explanation);
}

void poller_take_answer(struct poller *poller, struct flight *flight, const struct nexudus_answer *answer)
{
        const struct planner_request *request = &flight->request;
        enum health_trouble trouble = trouble_of(answer->verdict);

        if (is_signed_out(poller, flight, trouble)) {
                planner_take_again(poller->planner, request, poller_now_us(poller));
                return;
        }
        if (trouble != HEALTH_WELL) {
                /* Whoever has just signed in is who they say, so it can only be the role. */
                const char *advice = poller->parts.session == NULL
                                             ? NULL
                                             : "; signing in works, so the user lacks the role "
                                               "BusinessBackgroundJob-Read: give it to "
                                               "them in Nexudus";
                poller_take_trouble(poller, request, trouble, answer->retry_after_us, answer->explanation,
                                    trouble == HEALTH_UNAUTHORIZED ? advice : NULL);
                return;
        }
        poller_take_health(poller, request);

        if (request->batch) {
                if (answer->verdict == NEXUDUS_ROWS)
                        flight_apply_rows(flight);
                else if (answer->outcome == HTTP_TOO_LARGE)
                        shrink_batches(poller, request, answer->explanation);
                else
                        refuse_batches(poller, request, answer->explanation);
                return;
        }
        if (answer->verdict == NEXUDUS_RECORD)
                take_record(poller, request->jobs[0], answer->record);
        else if (answer->verdict == NEXUDUS_ABSENT)
                take_absence(poller, request->jobs[0], answer->explanation);
        else
                take_odd(poller, request->jobs[0], answer->explanation);
}
