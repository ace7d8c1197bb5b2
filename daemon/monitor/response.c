/* SPDX-License-Identifier: MIT */

/*
 * From a response to what follows: the planner attributes a failure (planning/attribution.h), records go to
 * the recorder, and what the administrator should know is logged.
 *
 *      refused, and a new token may help ──> the request is repeated
 *      failure ──> planner_failed() ──> the API (outage.h), a job (failing.h), or gone
 *      success ──> planner_succeeded() ──> record, rows (batch.h), or evidence that a job is gone
 */

#include "monitor/response.h"

#include <stdio.h>

#include "monitor/batch.h"
#include "monitor/diagnosis.h"
#include "monitor/feed.h"
#include "monitor/last_run.h"
#include "monitor/observe.h"
#include "monitor/outage.h"
#include "monitor/recent.h"
#include "platform/random.h"

/* Failures in a row after which a job is reported as failing. */
#define FAILURES_LOGGED 2

/* Whether a new token was tried for each of these jobs, in vain. */
static bool token_was_renewed(const struct planner_request *request)
{
        for (size_t i = 0; i < request->count; i++)
                if (!request->jobs[i]->token_renewed)
                        return false;
        return request->count > 0;
}

/*
 * Refused. A job, or the search, that is refused whatever the token would cost a sign-in each time; while
 * others are answered, it is its own failure.
 */
static bool is_refused_for_token(struct request_slot *slot)
{
        struct monitor *monitor = slot->monitor;
        struct planner_request *request = &slot->request;
        bool polls = request->kind == REQUEST_SINGLE || request->kind == REQUEST_BATCH;
        bool page = request->kind == REQUEST_PAGE || planner_request_is_for_client(request);
        bool in_vain = page ? monitor->search_token_renewed : polls && token_was_renewed(request);

        if (in_vain && planner_breaker(monitor->planner)->state == BREAKER_CLOSED)
                return false;
        if (!session_note_refused(monitor->parts.session, slot->generation))
                return false;
        for (size_t i = 0; polls && i < request->count; i++)
                request->jobs[i]->token_renewed = true;
        monitor->search_token_renewed |= page;
        return true;
}

/* auth = token: the token was replaced meanwhile, or its file was. */
static bool has_new_token(const struct request_slot *slot)
{
        const struct monitor_parts *parts = &slot->monitor->parts;

        return parts->config->api.auth == AUTH_TOKEN &&
               (slot->generation != nexudus_token_generation(parts->nexudus) ||
                parts->reread_token(parts->userdata));
}

/* Informs the session about the response to its token. Returns true if a new token is worth trying. */
static bool may_retry_with_new_token(struct request_slot *slot, const struct nexudus_response *response)
{
        struct session *session = slot->monitor->parts.session;

        if (response->blocked)
                return false;
        if (session == NULL)
                return response->failure == FAILURE_REFUSED && has_new_token(slot);
        if (response->failure == FAILURE_REFUSED)
                return is_refused_for_token(slot);
        if (response->failure == FAILURE_NONE || response->failure == FAILURE_NOT_FOUND)
                session_note_accepted(session, slot->generation);
        return false;
}

/* ---- batches ---- */

static void note_failed_batch(struct monitor *monitor, const struct planner_request *request,
                              const struct nexudus_response *response)
{
        if (request->kind != REQUEST_BATCH)
                return;
        (void)snprintf(monitor->batch_failure, sizeof(monitor->batch_failure), "%s", response->explanation);
        monitor->batch_too_large = response->too_large;
}

/*
 * Batches may be abandoned because of a failed batch, or of a read that shows that its jobs are not the
 * cause, or, if none has failed since one was answered, that rows have no Status.
 */
static void log_batch_size(struct monitor *monitor, unsigned before)
{
        unsigned now = planner_batch_size(monitor->planner, monitor_now_us(monitor));

        if (now >= before)
                return;
        if (monitor->batch_too_large)
                journal_print(monitor->parts.journal, LOG_NOTICE,
                              "Batches are too large: %s. Reducing the batch size to %u.",
                              monitor->batch_failure, now);
        else if (*monitor->batch_failure == '\0')
                journal_print(monitor->parts.journal, LOG_NOTICE,
                              "Batches omit the Status of jobs. Polling jobs individually for 1h.");
        else
                journal_print(monitor->parts.journal, LOG_NOTICE,
                              "The API refuses batches (%s). Polling jobs individually for 1h.",
                              monitor->batch_failure);
}

/* ---- success ---- */

static void log_recovered(struct monitor *monitor, const struct planner_request *request)
{
        if (request->kind != REQUEST_SINGLE && request->kind != REQUEST_BATCH)
                return;
        for (size_t i = 0; i < request->count; i++) {
                const struct planner_job *job = request->jobs[i];

                if (job->failing && job->failures >= FAILURES_LOGGED)
                        failing_log_end(monitor->failing, job->id, job_of(job)->name);
        }
}

static void take_success(struct request_slot *slot, const struct nexudus_response *response)
{
        const struct outage_cause success = { .failure = FAILURE_NONE };
        struct monitor *monitor = slot->monitor;
        const struct planner_request *request = &slot->request;
        uint64_t now = monitor_now_us(monitor);

        log_recovered(monitor, request);
        planner_succeeded(monitor->planner, request, now);
        if (!planner_request_is_for_client(request)) /* of no job */
                outage_update(monitor, &success);
        switch (request->kind) {
        case REQUEST_SINGLE:
                response->record->has_result = true; /* here an omitted ResultData is null */
                observe(monitor, request->jobs[0], response->record);
                break;
        case REQUEST_BATCH:
                monitor->batch_failure[0] = '\0';
                monitor->batch_too_large = false;
                batch_apply_rows(slot);
                break;
        case REQUEST_GONE_CHECK:
                if (planner_take_gone_check(monitor->planner, request, slot->seen_job, now, random_u64()))
                        observe(monitor, request->jobs[0], NULL);
                break;
        case REQUEST_PAGE:
                monitor->search_token_renewed = false;
                feed_take_page(slot, response->page);
                break;
        case REQUEST_SEARCH:
                monitor->search_token_renewed = false;
                recent_take_page(slot, response->page);
                break;
        case REQUEST_DIAGNOSIS:
                diagnosis_take_response(monitor, response);
                break;
        case REQUEST_CHECK:
        case REQUEST_SIGN_IN:
                break;
        }
}

/* ---- failure ---- */

static void log_failing(struct monitor *monitor, const struct planner_job *job,
                        const struct nexudus_response *response)
{
        if (response->failure == FAILURE_NOT_FOUND && planner_job_has_ended(job))
                return; /* see observe() */
        if (job->failures == FAILURES_LOGGED)
                failing_log_start(monitor->failing, job->id, job_of(job)->name, response->failure,
                                  response->explanation);
}

static void report_failure(struct monitor *monitor, const struct planner_request *request,
                           const struct nexudus_response *response)
{
        if (request->kind == REQUEST_CHECK || request->kind == REQUEST_GONE_CHECK)
                return;
        for (size_t i = 0; i < request->count; i++) {
                if (!request->jobs[i]->done) /* it is requested again */
                        continue;
                if (response->failure == FAILURE_NOT_FOUND)
                        monitor_report(monitor, job_of(request->jobs[i]), "not found (%s)",
                                       response->explanation);
                else
                        monitor_report(monitor, job_of(request->jobs[i]), "request failed: %s",
                                       response->explanation);
        }
}

static void take_failure(struct request_slot *slot, const struct nexudus_response *response)
{
        const struct planner_failure failure = { .failure = response->failure,
                                                 .too_large = response->too_large,
                                                 .retry_after_us = response->retry_after_us };
        const struct outage_cause cause = { .failure = response->failure,
                                            .blocked = response->blocked,
                                            .search = slot->request.kind == REQUEST_PAGE ||
                                                      planner_request_is_for_client(&slot->request),
                                            .explanation = response->explanation };
        struct monitor *monitor = slot->monitor;
        const struct planner_request *request = &slot->request;
        struct planner_job *job = request->jobs[0];
        uint64_t now = monitor_now_us(monitor);
        bool was_missing = request->count == 1 && job->watch.not_found_count > 0;

        note_failed_batch(monitor, request, response);
        switch (planner_failed(monitor->planner, request, &failure, false, now, random_u64())) {
        case ATTRIBUTED_TO_API:
                if (response->failure != FAILURE_THROTTLED)
                        break;
                if (response->retry_after_us > 0)
                        last_run_save_pause(monitor->parts.state, now,
                                            planner_throttle(monitor->planner)->pause_until_us);
                outage_note_pause(monitor, response->explanation);
                break;
        case ATTRIBUTED_TO_JOB:
                if (response->failure == FAILURE_NOT_FOUND) {
                        monitor->not_found++;
                        not_found_save(monitor->parts.state, job->id, &job->watch, now);
                        job_of(job)->answered = true;
                }
                log_failing(monitor, job, response);
                break;
        case ATTRIBUTED_AS_GONE:
                observe(monitor, job, NULL);
                break;
        case ATTRIBUTED_TO_NONE:
                if (request->kind == REQUEST_PAGE)
                        feed_note_failed_page(monitor, request, response);
                else if (request->count > 0 && response->failure == FAILURE_NOT_FOUND &&
                         planner_job_is_gone(job)) { /* expected */
                        monitor->not_found++;
                        job_of(job)->answered = true;
                }
                break;
        }
        if (was_missing && job->watch.not_found_count == 0) /* another failure in between */
                not_found_clear(monitor->parts.state, job->id);
        report_failure(monitor, request, response);
        if (request->kind == REQUEST_SEARCH)
                recent_take_failure(monitor, response->explanation);
        if (request->kind == REQUEST_DIAGNOSIS)
                diagnosis_take_response(monitor, response);
        outage_update(monitor, &cause);
}

void response_requeue(struct request_slot *slot)
{
        struct monitor *monitor = slot->monitor;

        planner_requeue(monitor->planner, &slot->request, monitor_now_us(monitor));
        if (slot->request.kind == REQUEST_SEARCH)
                recent_note_cancelled(monitor);
        if (slot->request.kind == REQUEST_DIAGNOSIS)
                diagnosis_note_cancelled(monitor);
}

void response_take(struct request_slot *slot, const struct nexudus_response *response)
{
        struct monitor *monitor = slot->monitor;
        unsigned batch_size = planner_batch_size(monitor->planner, monitor_now_us(monitor));

        if (may_retry_with_new_token(slot, response))
                response_requeue(slot);
        else if (response->failure == FAILURE_NONE)
                take_success(slot, response);
        else
                take_failure(slot, response);
        log_batch_size(monitor, batch_size);
        feed_log(monitor);
}
