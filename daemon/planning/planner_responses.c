/* SPDX-License-Identifier: MIT */

/*
 * What answers mean for the looks to come.
 *
 * A row of a batch may be partial, so what it shows as changed is looked at singly before it is believed.
 * Some servers leave ResultData out of all rows: taken at their word they would cost a closer look a poll,
 * and disbelieved altogether a change of ResultData would go unnoticed. So once a closer look has shown that
 * a row left out what is there, a missing ResultData in rows says nothing any more, and UpdatedOn decides
 * whether to look closer; where that is missing too, or moves without anything else moving, each job is
 * looked at singly at its max_interval. As long as nothing was seen to have ResultData, that last may take
 * longer where there are many jobs.
 *
 * A job that is first seen in a row without ResultData is told as seen, and its ResultData as not known:
 * neither "none" nor a wait of hours for 10,000 closer looks would be right. It is read by and by, in a part
 * of the budget; what is found then under the UpdatedOn of that row was there all along, and is no news.
 */

#include "planning/backoff.h"
#include "planning/planner_internal.h"

#include <stdint.h>

#include "util/timespan.h"

/* How long a refusal of batches is believed before one is tried again. */
#define BATCHES_AGAIN_US (1 * USEC_PER_HOUR)

/* After so many closer looks for nothing, a new UpdatedOn alone is no reason for another. */
#define FRUITLESS_CONFIRMS_MAX 3

/* So many rows without a Status, and batches are of no use here. */
#define STATUSES_OMITTED_MAX 3

/*
 * So many jobs can each be looked at singly when they are first seen, out of what the governor allows at
 * once.
 */
#define FEW_JOBS 20

/*
 * So many batches that met trouble without one in between that was answered, and it is taken for a trouble of
 * batches.
 */
#define FAILED_BATCHES_MAX 3

/* Where it is unknown whether nulls of rows are true, making sure takes this part of the budget. */
#define NULLS_PART 8

/* An odd answer need not be counted any further to be as rare as it gets. */
#define UNEXPECTED_RESPONSES_MAX 100

/* Singles for a while. */
static void disable_batches(struct planner *planner, uint64_t now_us)
{
        planner->batches_from_us = now_us + BATCHES_AGAIN_US;
        planner->batches_on_trial = false;
        planner->failed_batches = 0;
}

void planner_end_request(struct planner *planner, const struct planner_request *request, uint64_t now_us)
{
        planner->slots--;
        for (size_t i = 0; i < request->count; i++) {
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
                        planner_put(planner, request->jobs[i], now_us); /* it remains the longest overdue */
        }
        if (request->batch)
                planner->batches_on_trial = false;
        else if (request->count == 1)            /* a sign-in has no job */
                request->jobs[0]->polled_us = 0; /* that was no look */
        if (request->batch && ++planner->failed_batches >= FAILED_BATCHES_MAX)
                disable_batches(planner, now_us);
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

/* ---- singles ---- */

static void plan(struct planner *planner, struct planner_job *job, uint64_t span_us, uint64_t now_us)
{
        job->confirm = job->updated_on_moved = job->result_missing = job->status_missing = false;
        if (planner->limits.once)
                job->done = true;
        if (!job->done)
                planner_put(planner, job, now_us + span_us);
}

static void plan_by_pace(struct planner *planner, struct planner_job *job, bool changed, uint64_t now_us,
                         uint64_t random)
{
        job->pace_us =
                pace_next(job->pace_us, changed, job->settings->interval_us, job->settings->max_interval_us);
        plan(planner, job, pace_jitter(job->pace_us, random), now_us);
}

/* What a closer look says about the row that led to it. A record that was updated in between says nothing. */
static void learn(struct planner *planner, struct planner_job *job, const struct job_record *record,
                  bool changed, bool read, uint64_t now_us)
{
        uint64_t updated = updated_on_digest(record);
        bool same_version = job->updated == 0 || updated == 0 || job->updated == updated;
        bool was_there = read && record->result.data != NULL;

        if (was_there || (job->result_missing && record->result.data != NULL && same_version))
                planner->row_results = ROW_RESULTS_OMITTED;

        /* A null where none was recorded is stripped only if the row had no such field at all. */
        bool abandoned = record->status.data != NULL ||
                         (job->watch.memory.recorded && job->watch.memory.status.size == UINT64_MAX);
        if (job->status_missing && abandoned && ++planner->statuses_omitted >= STATUSES_OMITTED_MAX) {
                planner->statuses_omitted = 0;
                disable_batches(planner, now_us);
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
        learn(planner, job, record, observation.change.news && observation.change.kind != EVENT_STALLED,
              observation.change.reads_result, now_us);
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
        bool changed = change->news && change->kind != EVENT_STALLED;

        if (change->news && recorded)
                watch_note_recorded(&job->watch, change, seen, now_us);
        else if (change->news)
                job->updated = job->polled_us = 0; /* rows alone would not show it again */
        else if (change->reads_result && recorded)
                watch_note_read(&job->watch, seen);
        if (job->watch.memory.recorded && outcome_is_terminal(job->watch.memory.outcome))
                job->done = true;

        if (observation->poll_again_us > 0 && observation->poll_again_us < job->settings->interval_us)
                plan(planner, job, observation->poll_again_us, now_us);
        else
                plan_by_pace(planner, job,
                             changed || observation->poll_again_us > 0 || job->watch.not_found_count > 0,
                             now_us, random);
}

void planner_take_unexpected(struct planner *planner, struct planner_job *job, uint64_t now_us,
                             uint64_t random)
{
        const struct planner_settings *settings = job->settings;

        /* It may make sense later, alone, and is not to cost more than a job that is well. */
        job->unbatchable = true;
        if (job->unexpected_responses < UNEXPECTED_RESPONSES_MAX)
                job->unexpected_responses++;
        uint64_t span_us = backoff_span(job->unexpected_responses, settings->interval_us,
                                        settings->max_interval_us, random);
        plan(planner, job, span_us > settings->interval_us ? span_us : settings->interval_us, now_us);
}

/* ---- rows of batches ---- */

static enum row_verdict judge_first(const struct planner *planner, const struct job_record *row)
{
        struct status_meaning meaning = status_classify(planner->rules, &row->status, &row->result);

        if (row->status.data == NULL)
                return ROW_STATUS_MISSING;
        if (outcome_is_terminal(meaning.outcome))
                return ROW_CONFIRM;
        if (row->result.data != NULL || (planner->row_results == ROW_RESULTS_THERE && row->has_result))
                return ROW_FIRST;
        if (planner->job_count <= FEW_JOBS || row->updated_on.data == NULL)
                return ROW_RESULT_MISSING;
        return ROW_FIRST_WITHOUT_RESULT; /* a closer look at each of 10,000 would take the budget of hours */
}

/* In how long each job is looked at singly once if that takes a part of the budget only. */
static uint64_t nulls_round(const struct planner *planner)
{
        return planner->job_count * rate_limiter_emission_interval(&planner->rate_limiter) * NULLS_PART;
}

/*
 * Of a job whose ResultData is unread: whether its turn has come to be looked at singly for that. Jobs that
 * were seen together take turns by their place.
 */
static bool is_to_be_read(const struct planner *planner, const struct planner_job *job, uint64_t now_us)
{
        uint64_t place = (uint64_t)(job - planner->jobs) + 1;
        uint64_t span_us = nulls_round(planner) / planner->job_count * place;

        return job->watch.memory.result_unread && (int64_t)now_us - job->watch.changed_us >= (int64_t)span_us;
}

/*
 * Of a row whose Status is as recorded and that has no ResultData, while none is recorded, or rows leave it
 * out.
 */
static enum row_verdict judge_null(const struct planner *planner, const struct planner_job *job,
                                   const struct job_record *row, uint64_t now_us)
{
        uint64_t updated = updated_on_digest(row), span_us = job->settings->max_interval_us;

        if (planner->row_results == ROW_RESULTS_THERE && row->has_result && !job->watch.memory.result_unread)
                return ROW_UNCHANGED;
        if (updated != 0 && job->fruitless_confirms < FRUITLESS_CONFIRMS_MAX) {
                if (updated != job->updated)
                        return ROW_UPDATED;
                return is_to_be_read(planner, job, now_us) ? ROW_CONFIRM : ROW_UNCHANGED;
        }

        /* While nothing speaks against the nulls but an UpdatedOn that moves alone, making sure of them is
         * not to cost more than a part of the budget. */
        if (planner->row_results == ROW_RESULTS_UNKNOWN && updated != 0 && nulls_round(planner) > span_us)
                span_us = nulls_round(planner);
        return now_us - job->polled_us >= span_us ? ROW_CONFIRM : ROW_UNCHANGED;
}

/* stalled and a held end are for single looks to find: they come from the clock, not from the row. */
static bool wants_look(const struct planner_job *job, uint64_t now_us)
{
        const struct planner_settings *settings = job->settings;

        if (job->watch.held_since_us != 0)
                return true;
        return settings->stalled_after_us > 0 && !job->watch.stalled &&
               (int64_t)now_us - job->watch.changed_us >= (int64_t)settings->stalled_after_us;
}

enum row_verdict planner_judge_row(const struct planner *planner, const struct planner_job *job,
                                   const struct job_record *row, uint64_t now_us)
{
        const struct job_memory *memory = &job->watch.memory;

        if (!memory->recorded)
                return judge_first(planner, row);
        if (row->status.data == NULL && (memory->status.size != UINT64_MAX || !row->has_status))
                return ROW_STATUS_MISSING;
        if (outcome_is_terminal(memory->outcome) || wants_look(job, now_us) ||
            !text_digest_equal(memory->status, text_digest(&row->status)))
                return ROW_CONFIRM;
        if (outcome_is_terminal(status_classify(planner->rules, &row->status, &row->result).outcome))
                return ROW_CONFIRM;
        if (row->result.data != NULL)
                return text_digest_equal(memory->result, text_digest(&row->result)) ? ROW_UNCHANGED
                                                                                    : ROW_CONFIRM;

        bool none_recorded = memory->result.size == UINT64_MAX;
        if (none_recorded || planner->row_results == ROW_RESULTS_OMITTED)
                return judge_null(planner, job, row, now_us);
        return ROW_RESULT_MISSING;
}

void planner_take_batch(struct planner *planner, bool with_results)
{
        planner->failed_batches = 0;
        planner->batches_on_trial = false;
        if (with_results && planner->row_results == ROW_RESULTS_UNKNOWN)
                planner->row_results = ROW_RESULTS_THERE;
}

static void confirm_job(struct planner *planner, struct planner_job *job, uint64_t now_us)
{
        job->confirm = true;
        planner_put(planner, job, now_us);
}

void planner_apply_row(struct planner *planner, struct planner_job *job, enum row_verdict verdict,
                       uint64_t updated, uint64_t now_us, uint64_t random)
{
        switch (verdict) {
        case ROW_UNCHANGED:
                job->updated = updated;
                job->watch.not_found_count = 0;
                plan_by_pace(planner, job, false, now_us, random);
                break;
        case ROW_MISSING:
                job->unbatchable = true;
                confirm_job(planner, job, now_us);
                break;
        case ROW_UPDATED:
                job->updated_on_moved = true;
                confirm_job(planner, job, now_us);
                break;
        case ROW_RESULT_MISSING:
                job->result_missing = true;
                job->updated = updated; /* to be held against the closer look */
                confirm_job(planner, job, now_us);
                break;
        case ROW_STATUS_MISSING:
                job->status_missing = true;
                confirm_job(planner, job, now_us);
                break;
        case ROW_CONFIRM:
        case ROW_FIRST:
        case ROW_FIRST_WITHOUT_RESULT:
                confirm_job(planner, job, now_us);
                break;
        }
}

void planner_disable_batches(struct planner *planner, const struct planner_request *request, uint64_t now_us)
{
        disable_batches(planner, now_us);
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
