/* SPDX-License-Identifier: MIT */

/* What responses mean for the polls to come. */

#include "planning/planner_responses.h"

#include <assert.h>

#include "planning/backoff.h"
#include "planning/planner_state.h"

/* After this many rows that lacked a Status, batches are suspended. */
#define STATUSES_OMITTED_MAX 3

/*
 * After this many failed batches without an answered one in between, batches are suspended: they may be the
 * cause.
 */
#define FAILED_BATCHES_MAX 3

/* Upper bound of the count, far beyond where the backoff reaches its maximum. */
#define UNEXPECTED_RESPONSES_MAX 100

void planner_end_request(struct planner *planner, const struct planner_request *request, uint64_t now_us)
{
        assert(planner->in_flight > 0);
        planner->in_flight--;
        for (size_t i = 0; i < request->count; i++) {
                request->jobs[i]->in_flight = false;
                if (!request->batch)
                        request->jobs[i]->polled_us = now_us;
        }
}

bool planner_take_success(struct planner *planner, const struct planner_request *request, uint64_t now_us,
                          uint64_t *ret_lasted_us)
{
        return breaker_succeeded(&planner->breaker, request->probe, now_us, ret_lasted_us);
}

bool planner_take_outage(struct planner *planner, const struct planner_request *request, enum outage outage,
                         uint64_t retry_after_us, uint64_t now_us, uint64_t random)
{
        for (size_t i = 0; i < request->count; i++) {
                if (planner->limits.once)
                        request->jobs[i]->done = true;
                else
                        planner_put(planner, request->jobs[i], now_us); /* due again */
        }
        if (request->batch)
                planner->batches_on_trial = false;
        else if (request->count == 1)            /* a sign-in has no job */
                request->jobs[0]->polled_us = 0; /* it was not polled */
        if (request->batch && ++planner->failed_batches >= FAILED_BATCHES_MAX)
                planner_suspend_batches(planner, now_us);
        return breaker_failed(&planner->breaker, outage, request->probe, now_us, retry_after_us,
                              planner->limits.probe_cap_us, random);
}

void planner_requeue(struct planner *planner, const struct planner_request *request, uint64_t now_us)
{
        breaker_cancelled(&planner->breaker, request->probe);
        if (request->batch)
                planner->batches_on_trial = false;
        for (size_t i = 0; i < request->count; i++)
                planner_put(planner, request->jobs[i], now_us);
}

/* ---- single jobs ---- */

/*
 * What a confirmation shows about the row that led to it. A record that was updated in between shows
 * nothing.
 */
static void learn_about_rows(struct planner *planner, struct planner_job *job,
                             const struct job_record *record, bool changed, bool read, uint64_t now_us)
{
        uint64_t updated = updated_on_digest(record);
        bool same_version = job->updated == 0 || updated == 0 || job->updated == updated;
        bool was_unread = read && record->result.data != NULL;

        if (was_unread || (job->result_missing && record->result.data != NULL && same_version))
                planner->row_results = ROW_RESULTS_OMITTED;

        /* A null where no Status was recorded counts only if the row had no such field. */
        bool has_status = record->status.data != NULL ||
                          (job->watch.memory.recorded && job->watch.memory.status.size == UINT64_MAX);
        if (job->status_missing && has_status && ++planner->statuses_omitted >= STATUSES_OMITTED_MAX) {
                planner->statuses_omitted = 0;
                planner_suspend_batches(planner, now_us);
        }

        if (changed)
                job->fruitless_confirms = 0;
        else if (job->updated_on_moved && job->fruitless_confirms < FRUITLESS_CONFIRMS_MAX)
                job->fruitless_confirms++;
}

struct observation planner_take_record(struct planner *planner, struct planner_job *job,
                                       const struct job_record *record, uint64_t now_us)
{
        const struct watch_rules rules = {
                .status = planner->rules,
                .stalled_after_us = job->settings->stalled_after_us,
                .result_wait_us = job->settings->result_wait_us,
        };
        struct observation observation = watch_observe(&job->watch, &rules, record, now_us);

        job->unexpected_responses = 0;
        job->unbatchable = false;
        learn_about_rows(planner, job, record,
                         observation.change.has_event && observation.change.kind != EVENT_STALLED,
                         observation.change.result_read, now_us);
        job->updated = updated_on_digest(record);
        return observation;
}

struct observation planner_take_not_found(struct planner *planner, struct planner_job *job, uint64_t now_us)
{
        (void)planner;
        job->unexpected_responses = 0;
        job->unbatchable = true;
        return (struct observation){ .change = watch_not_found(&job->watch, now_us) };
}

void planner_complete(struct planner *planner, struct planner_job *job, const struct observation *observation,
                      bool recorded, const struct job_memory *seen, uint64_t now_us, uint64_t random)
{
        const struct change *change = &observation->change;
        bool changed = change->has_event && change->kind != EVENT_STALLED;

        if (change->has_event && recorded)
                watch_note_recorded(&job->watch, change, seen, now_us);
        else if (change->has_event)
                job->updated = job->polled_us = 0; /* so that a row leads to it again */
        else if (change->result_read && recorded)
                watch_note_read(&job->watch, seen);
        if (job->watch.memory.recorded && outcome_is_terminal(job->watch.memory.outcome))
                job->done = true;

        if (observation->poll_again_us > 0 && observation->poll_again_us < job->settings->interval_us)
                planner_schedule(planner, job, observation->poll_again_us, now_us);
        else
                planner_schedule_by_pace(planner, job,
                                         changed || observation->poll_again_us > 0 ||
                                                 job->watch.not_found_count > 0,
                                         now_us, random);
}

void planner_take_unexpected(struct planner *planner, struct planner_job *job, uint64_t now_us,
                             uint64_t random)
{
        const struct planner_settings *settings = job->settings;

        /* Poll it individually, and never more often than its interval. */
        job->unbatchable = true;
        if (job->unexpected_responses < UNEXPECTED_RESPONSES_MAX)
                job->unexpected_responses++;
        uint64_t delay_us = backoff_delay(job->unexpected_responses, settings->interval_us,
                                          settings->max_interval_us, random);
        planner_schedule(planner, job, delay_us > settings->interval_us ? delay_us : settings->interval_us,
                         now_us);
}

/* ---- batches ---- */

void planner_disable_batches(struct planner *planner, const struct planner_request *request, uint64_t now_us)
{
        planner_suspend_batches(planner, now_us);
        for (size_t i = 0; i < request->count; i++)
                planner_put(planner, request->jobs[i], now_us);
}

void planner_halve_batches(struct planner *planner, const struct planner_request *request, uint64_t now_us)
{
        planner->batch_size = request->count / 2 > 1 ? (unsigned)request->count / 2 : 1;
        planner->batches_on_trial = false;
        for (size_t i = 0; i < request->count; i++)
                planner_put(planner, request->jobs[i], now_us);
}
