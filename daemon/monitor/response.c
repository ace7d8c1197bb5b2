/* SPDX-License-Identifier: MIT */

/*
 * What a response means. It is charged to the API as a whole (outage.h), to batches, or to one job:
 *
 *      throttled, refused, unreachable ──> outage, unless a new token may help
 *      rows ──> batch.h                    other response to a batch ──> smaller batches, or none for a while
 *      record, not found ──> observation   anything else ──> the job is polled less often
 */

#include "monitor/response.h"

#include "journal/event_message.h"
#include "monitor/batch.h"
#include "monitor/not_found.h"
#include "monitor/outage.h"
#include "platform/random.h"
#include "util/cleanup.h"

/* ---- the API as a whole ---- */

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

/* Informs the session about the response to its token. Returns true if a new token is worth trying. */
static bool may_retry_with_new_token(const struct request_slot *slot, enum outage outage)
{
        struct session *session = slot->monitor->parts.session;

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
        struct recorder *recorder = monitor->parts.recorder;
        uint64_t now = monitor_now_us(monitor);
        bool was_missing = job->watch.not_found_count > 0;

        record->has_result = true; /* in a single response an omitted ResultData is null */
        struct observation observation = planner_take_record(monitor->jobs.planner, job, record, now);
        const struct change *change = &observation.change;
        struct job_memory seen = job_memory_of(record, change->outcome);
        bool recorded = false;

        if (was_missing)
                not_found_clear(monitor->parts.state, job->id);
        monitor_note_answered(monitor, job);
        recorder_note_json(recorder, record->status_is_json, record->result_is_json);
        monitor_report_record(monitor, job, &record->status, change->outcome);
        if (change->has_event) {
                if (change->unrecognised_status)
                        recorder_note_unrecognised_status(recorder, config, &record->status);
                recorded = recorder_record(recorder, config, &job->watch.memory, change, record) >= 0;
        } else if (change->result_read) {
                recorded = recorder_store_result(recorder, config, record) >= 0;
        }
        planner_complete(monitor->jobs.planner, job, &observation, recorded, &seen, now, random_u64());
}

static void take_not_found(struct monitor *monitor, struct planner_job *job, const char *explanation)
{
        const struct job_config *config = monitor_job_config(monitor, job);
        CLEANUP(cleanup_free) char *label = job_label(config->id, config->name);
        uint64_t now = monitor_now_us(monitor);
        struct observation observation = planner_take_not_found(monitor->jobs.planner, job, now);
        bool recorded = false;

        monitor_note_answered(monitor, job);
        monitor_report(monitor, job, "not found (404)");
        if (observation.change.has_event)
                not_found_clear(monitor->parts.state, job->id);
        else if (job->watch.not_found_count < GONE_NOT_FOUND_COUNT)
                not_found_save(monitor->parts.state, job->id, &job->watch, now);
        if (observation.change.has_event)
                recorded = recorder_record(monitor->parts.recorder, config, &job->watch.memory,
                                           &observation.change, NULL) >= 0;
        else if (job->watch.not_found_count == 1)
                journal_print_about(monitor->parts.journal, LOG_WARNING, NULL, config->id, config->name,
                                    "%s: not found (%s); check the ID. It is reported as gone if still "
                                    "missing in 1min.",
                                    label != NULL ? label : "Job", explanation);
        planner_complete(monitor->jobs.planner, job, &observation, recorded, NULL, now, random_u64());
}

/* Logged when it begins; repetitions at debug level. */
static void take_unexpected(struct monitor *monitor, struct planner_job *job, const char *explanation)
{
        const struct job_config *config = monitor_job_config(monitor, job);
        CLEANUP(cleanup_free) char *label = job_label(config->id, config->name);

        monitor_report(monitor, job, "unexpected response: %s", explanation);
        planner_take_unexpected(monitor->jobs.planner, job, monitor_now_us(monitor), random_u64());
        journal_print_about(monitor->parts.journal, job->unexpected_responses == 1 ? LOG_WARNING : LOG_DEBUG,
                            NULL, config->id, config->name, "%s: unexpected response (%s); will retry.",
                            label != NULL ? label : "Job", explanation);
}

/* ---- batches ---- */

/* Logged once, although several batches in flight may be refused one after the other. */
static void disable_batches(struct monitor *monitor, const struct planner_request *request,
                            const char *explanation)
{
        journal_print(monitor->parts.journal, planner_batches(monitor->jobs.planner) ? LOG_NOTICE : LOG_DEBUG,
                      "The API refused a batch of %zu jobs: %s. Polling jobs individually for 1h.",
                      request->count, explanation);
        planner_disable_batches(monitor->jobs.planner, request, monitor_now_us(monitor));
}

static void halve_batches(struct monitor *monitor, const struct planner_request *request,
                          const char *explanation)
{
        planner_halve_batches(monitor->jobs.planner, request, monitor_now_us(monitor));
        journal_print(monitor->parts.journal, LOG_NOTICE, "Batch of %zu jobs: %s. Halving the batch size.",
                      request->count, explanation);
}

static void take_batch(struct request_slot *slot, const struct nexudus_response *answer)
{
        if (answer->verdict == NEXUDUS_ROWS)
                batch_apply_rows(slot);
        else if (answer->outcome == HTTP_TOO_LARGE)
                halve_batches(slot->monitor, &slot->request, answer->explanation);
        else
                disable_batches(slot->monitor, &slot->request, answer->explanation);
}

/* ---- any response ---- */

void response_take(struct request_slot *slot, const struct nexudus_response *answer)
{
        struct monitor *monitor = slot->monitor;
        const struct planner_request *request = &slot->request;
        enum outage outage = outage_of(answer->verdict);

        if (may_retry_with_new_token(slot, outage)) {
                planner_requeue(monitor->jobs.planner, request, monitor_now_us(monitor));
                return;
        }
        if (outage != OUTAGE_NONE) {
                /* After a successful sign-in only the role can be missing. */
                const char *advice = monitor->parts.session == NULL
                                             ? NULL
                                             : ". Sign-in works, so the user lacks the role "
                                               "BusinessBackgroundJob-Read: grant it in Nexudus";
                outage_take_failure(monitor, request, outage, answer->retry_after_us, answer->explanation,
                                    advice);
                return;
        }
        outage_take_success(monitor, request);

        if (request->batch)
                take_batch(slot, answer);
        else if (answer->verdict == NEXUDUS_RECORD)
                take_record(monitor, request->jobs[0], answer->record);
        else if (answer->verdict == NEXUDUS_NOT_FOUND)
                take_not_found(monitor, request->jobs[0], answer->explanation);
        else
                take_unexpected(monitor, request->jobs[0], answer->explanation);
}
