/* SPDX-License-Identifier: MIT */

/*
 * What is made of an answer.
 *
 * The API's trouble is everybody's: an answer that says "down", "too much" or "not you" is charged to the
 * API's health, not to the job, and then nothing is asked but one probe at a time (core/retry.h). Only an odd
 * answer, which says nothing about other jobs, is charged to the job that got it. Neither is news about a
 * job.
 */

#include "monitor/request_slot.h"

#include "journal/event_message.h"
#include "journal/message_ids.h"
#include "monitor/not_found.h"
#include "platform/random.h"
#include "util/cleanup.h"
#include "util/timespan.h"

/* ---- the API's health ---- */

static enum outage outage_of(enum nexudus_verdict verdict)
{
        switch (verdict) {
        case NEXUDUS_THROTTLED:
                return OUTAGE_THROTTLED;
        case NEXUDUS_UNAUTHORIZED:
                return OUTAGE_UNAUTHORIZED;
        case NEXUDUS_UNREACHABLE:
                return OUTAGE_UNREACHABLE;
        case NEXUDUS_RECORD:
        case NEXUDUS_ROWS:
        case NEXUDUS_UNBATCHED:
        case NEXUDUS_NOT_FOUND:
        case NEXUDUS_UNEXPECTED:
                break;
        }
        return OUTAGE_NONE;
}

struct outage_reason {
        int priority;
        const char *message_id;
        const char *what;
        const char *advice;
};

static const struct outage_reason outage_reason[] = {
        [OUTAGE_NONE] = { LOG_DEBUG, NULL, "", "" },
        [OUTAGE_UNREACHABLE] = { LOG_WARNING, MESSAGE_ID_API_UNREACHABLE, "cannot be used", "" },
        [OUTAGE_THROTTLED] = { LOG_WARNING, MESSAGE_ID_API_THROTTLED, "asks for patience", "" },
        [OUTAGE_UNAUTHORIZED] = { LOG_ERR, MESSAGE_ID_API_UNAUTHORIZED, "refuses the credentials",
                                  "; they are wrong, or their user lacks the role "
                                  "BusinessBackgroundJob-Read" },
};

/* A trouble is told when it begins; what keeps it going is for those who debug. */
void monitor_take_outage(struct monitor *monitor, const struct planner_request *request, enum outage outage,
                         uint64_t retry_after_us, const char *explanation, const char *advice)
{
        const struct outage_reason *words = &outage_reason[outage];
        const char *base_url = monitor->parts.config->api.base_url;
        uint64_t now = monitor_now_us(monitor);
        char pause[TIMESPAN_TEXT_MAX];

        bool is_new =
                planner_take_outage(monitor->planner, request, outage, retry_after_us, now, random_u64());
        uint64_t resume_us = planner_breaker(monitor->planner)->resume_us;
        if (retry_after_us > 0)
                budget_keep(&monitor->budget, now);
        if (advice == NULL)
                advice = words->advice;

        if (monitor->parts.once)
                journal_print_about(
                        monitor->parts.journal, words->priority, words->message_id, 0, NULL,
                        "The API at %s %s: %s%s. Nothing more is asked in this round, and no job's state "
                        "changes by that.",
                        base_url, words->what, explanation, advice);
        else
                journal_print_about(
                        monitor->parts.journal, is_new ? words->priority : LOG_DEBUG, words->message_id, 0,
                        NULL,
                        "The API at %s %s: %s%s. No job's state changes by that; the next attempt is in "
                        "%s, and then again until it answers.",
                        base_url, words->what, explanation, advice,
                        timespan_format_rough(resume_us > now ? resume_us - now : 0, pause));
        for (size_t i = 0; i < request->count; i++)
                monitor_report(monitor, request->jobs[i], "no answer: %s", explanation);
}

void monitor_take_success(struct monitor *monitor, const struct planner_request *request)
{
        uint64_t lasted_us;
        char lasted[TIMESPAN_TEXT_MAX];

        if (planner_take_success(monitor->planner, request, monitor_now_us(monitor), &lasted_us))
                journal_print_about(monitor->parts.journal, LOG_NOTICE, MESSAGE_ID_API_BACK, 0, NULL,
                                    "The API at %s answers again, after %s.",
                                    monitor->parts.config->api.base_url,
                                    timespan_format_rough(lasted_us, lasted));
}

/* A refusal that a new token may mend is none. Returns true if that is tried. */
static bool is_signed_out(struct monitor *monitor, const struct slot *slot, enum outage outage)
{
        struct session *session = monitor->parts.session;

        if (session == NULL)
                return false;
        if (outage == OUTAGE_UNAUTHORIZED)
                return session_note_refused(session, slot->generation);
        if (outage == OUTAGE_NONE)
                session_note_accepted(session, slot->generation);
        return false;
}

/* ---- one job ---- */

static void take_record(struct monitor *monitor, struct planner_job *job, struct job_record *record)
{
        const struct job_config *config = monitor_job_config(monitor, job);
        uint64_t now = monitor_now_us(monitor);
        bool was_absent = job->watch.not_found_count > 0;

        record->has_result = true; /* what a job's own record leaves out is null */
        struct observation observation = planner_take_record(monitor->planner, job, record, now);
        struct job_memory seen = job_memory_of(record, observation.change.outcome);
        bool recorded = false;

        if (was_absent)
                not_found_clear(monitor->parts.state, job->id);
        monitor_note_answered(monitor, job);
        monitor_report_record(monitor, job, &record->status, observation.change.outcome);
        if (observation.change.news) {
                if (observation.change.unrecognised_status)
                        recorder_note_unrecognised_status(monitor->parts.recorder, config, &record->status);
                recorded = recorder_take(monitor->parts.recorder, config, &job->watch.memory,
                                         &observation.change, record) >= 0;
        } else if (observation.change.reads_result) {
                recorded = recorder_store_result(monitor->parts.recorder, config, record) >= 0;
        }
        planner_complete(monitor->planner, job, &observation, recorded, &seen, now, random_u64());
}

static void take_not_found(struct monitor *monitor, struct planner_job *job, const char *explanation)
{
        const struct job_config *config = monitor_job_config(monitor, job);
        CLEANUP(cleanup_free) char *label = job_label(config->id, config->name);
        uint64_t now = monitor_now_us(monitor);
        struct observation observation = planner_take_not_found(monitor->planner, job, now);
        bool recorded = false;

        monitor_note_answered(monitor, job);
        monitor_report(monitor, job, "not found (404)");
        if (observation.change.news)
                not_found_clear(monitor->parts.state, job->id);
        else if (job->watch.not_found_count < GONE_NOT_FOUND_COUNT)
                not_found_save(monitor->parts.state, job->id, &job->watch, now);
        if (observation.change.news)
                recorded = recorder_take(monitor->parts.recorder, config, &job->watch.memory,
                                         &observation.change, NULL) >= 0;
        else if (job->watch.not_found_count == 1)
                journal_print_about(
                        monitor->parts.journal, LOG_WARNING, NULL, config->id, config->name,
                        "%s was not found: %s. If that stays so for a minute, it is taken for gone; check "
                        "the number if this job should exist.",
                        label != NULL ? label : "A job", explanation);
        planner_complete(monitor->planner, job, &observation, recorded, NULL, now, random_u64());
}

static void take_unexpected(struct monitor *monitor, struct planner_job *job, const char *explanation)
{
        const struct job_config *config = monitor_job_config(monitor, job);
        CLEANUP(cleanup_free) char *label = job_label(config->id, config->name);

        monitor_report(monitor, job, "no sensible answer: %s", explanation);
        planner_take_unexpected(monitor->planner, job, monitor_now_us(monitor), random_u64());
        /* Told when it begins; a job that stays odd is no news. */
        journal_print_about(
                monitor->parts.journal, job->unexpected_responses == 1 ? LOG_WARNING : LOG_DEBUG, NULL,
                config->id, config->name,
                "%s: the API was asked and %s. What is known of the job stays as it is; it is asked "
                "again.",
                label != NULL ? label : "A job", explanation);
}

/* ---- any answer ---- */

/* Told once, although several batches may have been under way and be refused one after the other. */
static void refuse_batches(struct monitor *monitor, const struct planner_request *request,
                           const char *explanation)
{
        journal_print(
                monitor->parts.journal, planner_batches(monitor->planner) ? LOG_NOTICE : LOG_DEBUG,
                "The API does not take several jobs in one request: %s. Jobs are asked for one by one for an "
                "hour, and then it is tried again.",
                explanation);
        planner_disable_batches(monitor->planner, request, monitor_now_us(monitor));
}

static void shrink_batches(struct monitor *monitor, const struct planner_request *request,
                           const char *explanation)
{
        planner_halve_batches(monitor->planner, request, monitor_now_us(monitor));
        journal_print(monitor->parts.journal, LOG_NOTICE,
                      "Asked for %zu jobs in one request, %s; from now on jobs are asked for half as many at "
                      "a time.",
                      request->count, explanation);
}

void monitor_take_answer(struct monitor *monitor, struct slot *slot, const struct nexudus_response *answer)
{
        const struct planner_request *request = &slot->request;
        enum outage outage = outage_of(answer->verdict);

        if (is_signed_out(monitor, slot, outage)) {
                planner_requeue(monitor->planner, request, monitor_now_us(monitor));
                return;
        }
        if (outage != OUTAGE_NONE) {
                /* Whoever has just signed in is who they say, so it can only be the role. */
                const char *advice = monitor->parts.session == NULL
                                             ? NULL
                                             : "; signing in works, so the user lacks the role "
                                               "BusinessBackgroundJob-Read: give it to "
                                               "them in Nexudus";
                monitor_take_outage(monitor, request, outage, answer->retry_after_us, answer->explanation,
                                    outage == OUTAGE_UNAUTHORIZED ? advice : NULL);
                return;
        }
        monitor_take_success(monitor, request);

        if (request->batch) {
                if (answer->verdict == NEXUDUS_ROWS)
                        batch_apply_rows(slot);
                else if (answer->outcome == HTTP_TOO_LARGE)
                        shrink_batches(monitor, request, answer->explanation);
                else
                        refuse_batches(monitor, request, answer->explanation);
                return;
        }
        if (answer->verdict == NEXUDUS_RECORD)
                take_record(monitor, request->jobs[0], answer->record);
        else if (answer->verdict == NEXUDUS_NOT_FOUND)
                take_not_found(monitor, request->jobs[0], answer->explanation);
        else
                take_unexpected(monitor, request->jobs[0], answer->explanation);
}
