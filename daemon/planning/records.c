/* SPDX-License-Identifier: MIT */

/* From a record to the next poll of its job. */

#include "planning/records.h"

#include <assert.h>

#include "planning/feed_rows.h"
#include "planning/rows.h"

/* Whether Status and ResultData are those that are recorded. */
static bool has_recorded_texts(const struct planner_job *job, const struct job_record *record)
{
        const struct job_memory *memory = &job->watch.memory;

        return text_digest_equal(memory->status, text_digest(&record->status)) &&
               (memory->result_unread || text_digest_equal(memory->result, text_digest(&record->result)));
}

/* A believed end stays, whatever the job is like by now, unless the row was wrong that showed it. */
static bool is_end_undone(const struct planner_job *job, const struct observation *observation,
                          const struct job_record *record)
{
        return observation->change.outcome == OUTCOME_OPEN && feed_row_was_wrong(job, record);
}

struct observation planner_take_record(struct planner *planner, struct planner_job *job,
                                       const struct job_record *record, uint64_t now_us)
{
        const struct watch_rules rules = {
                .status = planner->rules,
                .stalled_after_us = job->settings.stalled_after_us,
                .result_wait_us = job->settings.result_wait_us,
        };
        bool has_new_text = job->watch.memory.recorded && !has_recorded_texts(job, record);
        bool is_sample = job->end_sampled;
        struct observation observation = watch_observe(&job->watch, &rules, record, now_us);

        job->end_sampled = false;
        if (is_sample && !is_end_undone(job, &observation, record))
                observation = (struct observation){ .change.outcome = job->watch.memory.outcome };
        feed_compare_record(planner, job, record, has_new_text, now_us);

        rows_learn(planner, job, record,
                   observation.change.has_event && observation.change.kind != EVENT_STALLED,
                   observation.change.result_read, now_us);
        job->updated = updated_on_digest(record);
        job->observed_us = now_us;
        return observation;
}

struct observation planner_take_gone(const struct planner_job *job)
{
        assert(!planner_job_is_gone(job));

        if (planner_job_has_ended(job)) /* it stays as it was */
                return (struct observation){ .change.outcome = job->watch.memory.outcome };
        return (struct observation){
                .change = { .has_event = true, .kind = EVENT_GONE, .outcome = OUTCOME_GONE },
        };
}

void planner_complete(struct planner *planner, struct planner_job *job, const struct observation *observation,
                      bool recorded, const struct job_memory *seen, uint64_t now_us, uint64_t random)
{
        const struct change *change = &observation->change;
        bool changed = change->has_event && change->kind != EVENT_STALLED;

        if (change->has_event && recorded)
                watch_note_recorded(&job->watch, change, seen, now_us);
        else if (change->has_event)
                job->updated = job->polled_us = 0; /* rows alone would not show it again */
        else if (change->result_read && recorded)
                watch_note_read(&job->watch, seen);
        if (planner_job_has_ended(job) && !job->sampled)
                job->done = true;
        if (!job->row_waits && !job->sampled && observation->poll_again_us == 0 &&
            (recorded || !change_is_to_be_recorded(change)))
                job->row_shown = false;
        if (planner_job_is_gone(job) || job->done) {
                job->failing = false; /* "not found" is what is expected of it, in batches too */
                job->failures = job->single_left = 0;
        }

        if (change->has_event && !recorded)
                planner_plan_again(planner, job, now_us, random);
        else if (observation->poll_again_us > 0 && observation->poll_again_us < job->settings.interval_us)
                planner_plan(planner, job, observation->poll_again_us, now_us);
        else
                planner_plan_by_pace(planner, job, changed || observation->poll_again_us > 0, now_us, random);
}
