/* SPDX-License-Identifier: MIT */

/*
 * Rows of batches.
 *
 * Some servers omit ResultData in all rows. Believed, they would hide changes of ResultData; disbelieved,
 * they would cost a confirmation a poll. So once a single read has shown a ResultData that the row lacked, a
 * missing one says nothing any more, and UpdatedOn decides whether to confirm. Where UpdatedOn is missing
 * too, or moves without a change, each job is read individually once per max_interval.
 *
 * A job whose first row has no ResultData is recorded without one (result_unread), and read individually
 * later, in a part of the request rate. What is found then under the UpdatedOn of that row was there all
 * along, and is not a change.
 */

#include "planning/rows.h"

#include <stdint.h>

#include "planning/batches.h"
#include "util/timespan.h"

/* After so many confirmations without a change, a new UpdatedOn alone is no reason for another. */
#define FRUITLESS_CONFIRMS_MAX 3

/* So many rows that lacked the Status, and batches are useless here. */
#define STATUSES_OMITTED_MAX 3

/* So few jobs are all read individually at their first observation. */
#define FEW_JOBS 20

/* The part of the request rate that goes into confirming nulls. */
#define NULLS_PART 8

/* Whether the row that a read confirms had no Status though the job had one then. */
static bool status_was_omitted(const struct planner_job *job, const struct job_record *record)
{
        const struct job_memory *memory = &job->watch.memory;
        uint64_t updated = updated_on_digest(record);

        if (!job->status_missing)
                return false;
        if (record->status.data == NULL) /* where a null is recorded, the row had not even that */
                return memory->recorded && memory->status.size == UINT64_MAX && updated != 0 &&
                       job->updated == updated;
        /* The Status may have come since the row, which may be long ago, unless one of these is the same. */
        return (updated != 0 && job->updated == updated) ||
               (memory->recorded && text_digest_equal(memory->status, text_digest(&record->status)));
}

void rows_learn(struct planner *planner, struct planner_job *job, const struct job_record *record,
                bool changed, bool read, uint64_t now_us)
{
        uint64_t updated = updated_on_digest(record);
        bool same_version = job->updated == 0 || updated == 0 || job->updated == updated;
        bool was_there = read && record->result.data != NULL;

        if (was_there || (job->result_missing && record->result.data != NULL && same_version))
                planner->api.row_results = ROW_RESULTS_OMITTED;

        if (status_was_omitted(job, record) && ++planner->api.statuses_omitted >= STATUSES_OMITTED_MAX) {
                planner->api.statuses_omitted = 0;
                batches_disable(planner, now_us);
        }

        if (changed)
                job->fruitless_confirms = 0;
        else if (job->updated_on_moved && job->fruitless_confirms < FRUITLESS_CONFIRMS_MAX)
                job->fruitless_confirms++;
}

static enum row_verdict judge_first(const struct planner *planner, const struct job_record *row)
{
        struct status_meaning meaning = status_classify(planner->rules, &row->status, &row->result);

        if (row->status.data == NULL)
                return ROW_STATUS_MISSING;
        if (outcome_is_terminal(meaning.outcome))
                return ROW_CONFIRM;
        if (row->result.data != NULL || (planner->api.row_results == ROW_RESULTS_THERE && row->has_result))
                return ROW_FIRST;
        if (planner->job_count <= FEW_JOBS || row->updated_on.data == NULL)
                return ROW_RESULT_MISSING;
        return ROW_FIRST_WITHOUT_RESULT; /* confirming each of 10,000 would take the requests of hours
                                          */
}

/* How long it takes to read each job individually once with a part of the request rate. */
static uint64_t nulls_round(const struct planner *planner)
{
        return planner->job_count * rate_limiter_emission_interval(&planner->api.rate_limiter) * NULLS_PART;
}

/*
 * Whether a job whose ResultData was never read is to be read individually now. Jobs that were first observed
 * together take turns.
 */
static bool is_to_be_read(const struct planner *planner, const struct planner_job *job, uint64_t now_us)
{
        uint64_t turn = (uint64_t)job->index + 1;
        uint64_t span_us = nulls_round(planner) / planner->job_count * turn;

        return job->watch.memory.result_unread && (int64_t)now_us - job->watch.changed_us >= (int64_t)span_us;
}

/*
 * A row with the recorded Status and without ResultData, where none is recorded or rows are known to omit it.
 */
static enum row_verdict judge_null(const struct planner *planner, const struct planner_job *job,
                                   const struct job_record *row, uint64_t now_us)
{
        uint64_t updated = updated_on_digest(row), span_us = job->settings.max_interval_us;

        if (planner->api.row_results == ROW_RESULTS_THERE && row->has_result &&
            !job->watch.memory.result_unread)
                return ROW_UNCHANGED;
        if (updated != 0 && job->fruitless_confirms < FRUITLESS_CONFIRMS_MAX) {
                if (updated != job->updated)
                        return ROW_UPDATED;
                return is_to_be_read(planner, job, now_us) ? ROW_UNREAD : ROW_UNCHANGED;
        }

        /* As long as nothing but a moving UpdatedOn contradicts the nulls, confirming them may take only a
         * part of the request rate. */
        if (planner->api.row_results == ROW_RESULTS_UNKNOWN && updated != 0 && nulls_round(planner) > span_us)
                span_us = nulls_round(planner);
        return now_us - job->polled_us >= span_us ? ROW_CONFIRM : ROW_UNCHANGED;
}

/* Whether the job is stalled, or its end is held back: that depends on the clock and not on the row. */
static bool needs_single_read(const struct planner_job *job, uint64_t now_us)
{
        return job->watch.held_since_us != 0 || planner_stalled_in(job, now_us) == 0;
}

/* By the present rules: a reload may have changed them. Most rows have the same Status, which is open. */
static bool is_end(struct planner *planner, const struct job_record *row, struct text_digest status)
{
        if (text_digest_equal(status, planner->open_status))
                return false;
        if (outcome_is_terminal(status_classify(planner->rules, &row->status, &row->result).outcome))
                return true;
        planner->open_status = status;
        return false;
}

enum row_verdict planner_judge_row(struct planner *planner, const struct planner_job *job,
                                   const struct job_record *row, uint64_t now_us)
{
        const struct job_memory *memory = &job->watch.memory;

        if (!memory->recorded)
                return judge_first(planner, row);
        if (row->status.data == NULL && (memory->status.size != UINT64_MAX || !row->has_status))
                return ROW_STATUS_MISSING;
        if (outcome_is_terminal(memory->outcome) || needs_single_read(job, now_us) ||
            !text_digest_equal(memory->status, text_digest(&row->status)))
                return ROW_CONFIRM;
        if (is_end(planner, row, memory->status))
                return ROW_CONFIRM;
        if (row->result.data != NULL)
                return text_digest_equal(memory->result, text_digest(&row->result)) ? ROW_UNCHANGED
                                                                                    : ROW_CONFIRM;

        bool none_recorded = memory->result.size == UINT64_MAX;
        if (none_recorded || planner->api.row_results == ROW_RESULTS_OMITTED)
                return judge_null(planner, job, row, now_us);
        return ROW_RESULT_MISSING;
}

void planner_take_batch(struct planner *planner, bool with_results)
{
        if (with_results && planner->api.row_results == ROW_RESULTS_UNKNOWN)
                planner->api.row_results = ROW_RESULTS_THERE;
}

static void confirm_job(struct planner *planner, struct planner_job *job, uint64_t now_us)
{
        job->part = 0;
        job->confirm = true;
        planner_put(planner, job, now_us);
}

/*
 * Where the feed works, those of a batch are read one after another with the next sweep: pages would wait for
 * their confirmations.
 */
static void read_alone(struct planner *planner, struct planner_job *job, uint64_t now_us, uint64_t random)
{
        uint64_t stalled_us = planner_stalled_in(job, now_us);

        if (!job->spread) {
                confirm_job(planner, job, now_us);
                return;
        }
        uint64_t span_us = random % planner->limits.sweep_interval_us;
        job->watch.not_found_count = 0;
        job->single_left = 1;
        planner_plan(planner, job, span_us < stalled_us ? span_us : stalled_us, now_us);
}

void planner_apply_row(struct planner *planner, struct planner_job *job, enum row_verdict verdict,
                       uint64_t updated, uint64_t now_us, uint64_t random)
{
        switch (verdict) {
        case ROW_UNCHANGED:
                job->updated = updated;
                job->watch.not_found_count = 0;
                planner_plan_by_pace(planner, job, false, now_us, random);
                break;
        case ROW_UNREAD:
                read_alone(planner, job, now_us, random);
                break;
        case ROW_MISSING:
                if (planner_job_is_gone(job)) {
                        planner_plan_gone(planner, job, now_us);
                        break;
                }
                job->single_left = 1;
                confirm_job(planner, job, now_us);
                break;
        case ROW_UPDATED:
                job->updated_on_moved = true;
                confirm_job(planner, job, now_us);
                break;
        case ROW_RESULT_MISSING:
                job->result_missing = true;
                job->updated = updated; /* to be compared with the record */
                confirm_job(planner, job, now_us);
                break;
        case ROW_STATUS_MISSING:
                job->status_missing = true;
                job->updated = updated;
                confirm_job(planner, job, now_us);
                break;
        case ROW_CONFIRM:
        case ROW_FIRST:
        case ROW_FIRST_WITHOUT_RESULT:
                confirm_job(planner, job, now_us);
                break;
        }
}
