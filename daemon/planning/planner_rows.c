/* SPDX-License-Identifier: MIT */

/*
 * Rows may lack fields, so a change that a row shows is confirmed by a single request.
 *
 * Some servers omit ResultData from all rows. Believing a null would cost a confirmation per poll; ignoring
 * it would miss changes of ResultData. So once a confirmation has found a ResultData that the row lacked
 * (ROW_RESULTS_OMITTED), a null in rows means nothing, and UpdatedOn decides whether to confirm. Where that
 * is missing too, or moves without any other change, each job is polled individually at its max_interval.
 * While no ResultData was observed at all, that may take longer if there are many jobs.
 *
 * The first observation of a job from a row without ResultData is recorded with ResultData unread: "none" may
 * be wrong, and a confirmation of each of 10,000 jobs would take hours. It is read later within a part of the
 * rate limits. What is found then under the UpdatedOn of that row was there before and is no change.
 */

#include "planning/planner_rows.h"

#include "model/status.h"
#include "planning/planner_state.h"

/* Up to this many jobs, each first observation without ResultData is confirmed. */
#define FEW_JOBS 20

/* While nulls in rows may be true, confirming them takes one part in this many of the rate limits. */
#define CONFIRM_NULLS_SHARE 8

/* ---- verdicts ---- */

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
        return ROW_FIRST_WITHOUT_RESULT;
}

/* Time in which each job is polled individually once within CONFIRM_NULLS_SHARE. */
static uint64_t confirm_nulls_us(const struct planner *planner)
{
        return planner->job_count * rate_limiter_emission_interval(&planner->rate_limiter) *
               CONFIRM_NULLS_SHARE;
}

/*
 * Whether it is time to read the ResultData of a job where it is unread. Jobs first observed together take
 * turns by their position.
 */
static bool is_result_read_due(const struct planner *planner, const struct planner_job *job, uint64_t now_us)
{
        uint64_t position = (uint64_t)(job - planner->jobs) + 1;
        uint64_t delay_us = confirm_nulls_us(planner) / planner->job_count * position;

        return job->watch.memory.result_unread &&
               (int64_t)now_us - job->watch.changed_us >= (int64_t)delay_us;
}

/* A row with the recorded Status and without ResultData, if none is recorded or rows omit it. */
static enum row_verdict judge_null(const struct planner *planner, const struct planner_job *job,
                                   const struct job_record *row, uint64_t now_us)
{
        uint64_t updated = updated_on_digest(row), delay_us = job->settings->max_interval_us;

        if (planner->row_results == ROW_RESULTS_THERE && row->has_result && !job->watch.memory.result_unread)
                return ROW_UNCHANGED;
        if (updated != 0 && job->fruitless_confirms < FRUITLESS_CONFIRMS_MAX) {
                if (updated != job->updated)
                        return ROW_UPDATED;
                return is_result_read_due(planner, job, now_us) ? ROW_CONFIRM : ROW_UNCHANGED;
        }

        /*
         * While nothing contradicts the nulls but an UpdatedOn that moves alone, confirming them takes only
         * a part of the rate limits.
         */
        if (planner->row_results == ROW_RESULTS_UNKNOWN && updated != 0 &&
            confirm_nulls_us(planner) > delay_us)
                delay_us = confirm_nulls_us(planner);
        return now_us - job->polled_us >= delay_us ? ROW_CONFIRM : ROW_UNCHANGED;
}

/* `stalled` and a held end depend on the clock, not on the row: only a single request finds them. */
static bool needs_single_poll(const struct planner_job *job, uint64_t now_us)
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
        if (outcome_is_terminal(memory->outcome) || needs_single_poll(job, now_us) ||
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
                planner_schedule_by_pace(planner, job, false, now_us, random);
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
                job->updated = updated; /* compared with the record of the confirmation */
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
