/* SPDX-License-Identifier: MIT */

/*
 * Handling of responses, as in monitor/response.c and monitor/batch.c. The state is a few fields of the job,
 * and reporting is a check.
 */

#include "sim.h"

/* ---- single jobs ---- */

static struct job_record record_of(const struct sim_job *job, const struct shown *shown,
                                   char updated[static 32])
{
        struct job_record record = {
                .id = job->id,
                .status = status_text(shown->status),
                .result = result_text(shown->result),
                .has_status = shown->has_status,
                .has_result = shown->has_result,
        };

        if (shown->updated > 0)
                record.updated_on =
                        (struct text){ updated, (size_t)snprintf(updated, 32, "%u", shown->updated) };
        return record;
}

/* As the recorder: recorded and then reported, or neither. */
static bool record_change(struct sim *sim, struct sim_job *job, const struct change *change,
                          const struct shown *shown, const struct shown *truth, bool of_row)
{
        char updated[32];

        if (sim->disk_full_until_us > sim->now_us) {
                job->excuses += 2;
                return false;
        }
        check_reported(sim, job, change, shown, truth, of_row);
        job->stored_wall_us = wall_us(sim);
        if (change->kind == EVENT_STALLED) {
                job->stored_stalled = true;
        } else if (change->kind == EVENT_GONE) {
                job->stored.outcome = OUTCOME_GONE;
                job->stored.recorded = true;
        } else {
                struct job_record record = record_of(job, shown, updated);

                job->stored = job_memory_of(&record, change->outcome);
                job->stored_stalled = false;
        }
        return true;
}

/* A ResultData that was unread: stored without an event, or not. */
static bool store_result(struct sim *sim, struct sim_job *job, const struct shown *shown,
                         const struct job_memory *seen)
{
        if (sim->disk_full_until_us > sim->now_us) {
                job->excuses += 2;
                return false;
        }
        check_read(sim, job, shown);
        job->stored.result = seen->result;
        job->stored.updated = seen->updated;
        job->stored.result_unread = false;
        return true;
}

static void note_unbatchable(struct sim *sim, struct sim_job *job, bool unbatchable)
{
        sim->unbatchable_count += unbatchable;
        sim->unbatchable_count -= job->unbatchable;
        job->unbatchable = unbatchable;
        if (sim->unbatchable_count > sim->unbatchable_most)
                sim->unbatchable_most = sim->unbatchable_count;
}

static void take_shown(struct sim *sim, struct planner_job *job, const struct shown *shown,
                       const struct shown *truth, const struct slot *slot, bool of_row)
{
        struct sim_job *known = &sim->jobs[job_index(sim, job)];
        struct job_record record;
        char updated[32];
        bool recorded = false;

        record = record_of(known, shown, updated);
        struct observation observation = planner_take_record(sim->planner, job, &record, sim->now_us);
        struct job_memory seen = job_memory_of(&record, observation.change.outcome);

        known->not_found_count = 0;
        note_unbatchable(sim, known, false);
        if (observation.change.has_event)
                recorded = record_change(sim, known, &observation.change, shown, truth, of_row);
        else if (observation.change.result_read)
                recorded = store_result(sim, known, shown, &seen);
        if (observation.poll_again_us > 0 || observation.change.has_event)
                known->quick++;
        if (observation.poll_again_us > 0 && known->held_us == 0)
                known->held_us = sim->now_us;
        planner_complete(sim->planner, job, &observation, recorded, &seen, sim->now_us, draw_u64(sim));
        check_poll(sim, known, slot);
}

static void take_not_found(struct sim *sim, struct planner_job *job, const struct slot *slot)
{
        struct sim_job *known = &sim->jobs[job_index(sim, job)];
        bool recorded = false;

        if (known->not_found_count++ == 0)
                known->not_found_from_us = sim->now_us;
        known->quick++;
        note_unbatchable(sim, known, true);
        struct observation observation = planner_take_not_found(sim->planner, job, sim->now_us);
        if (observation.change.has_event)
                recorded = record_change(sim, known, &observation.change, NULL, NULL, false);
        planner_complete(sim->planner, job, &observation, recorded, NULL, sim->now_us, draw_u64(sim));
        check_poll(sim, known, slot);
}

static void take_unexpected(struct sim *sim, struct planner_job *job, const struct slot *slot)
{
        struct sim_job *known = &sim->jobs[job_index(sim, job)];

        known->quick++;
        note_unbatchable(sim, known, true);
        planner_take_unexpected(sim->planner, job, sim->now_us, draw_u64(sim));
        check_poll(sim, known, slot);
}

/* ---- batches ---- */

static void take_rows(struct sim *sim, struct slot *slot)
{
        enum row_verdict verdicts[PLANNER_BATCH_MAX] = { ROW_MISSING };
        uint64_t digests[PLANNER_BATCH_MAX] = { 0 };
        struct shown rows[PLANNER_BATCH_MAX];
        bool seen_result = false, disk_full = sim->disk_full_until_us > sim->now_us;
        char updated[32];

        for (size_t i = 0; i < slot->request.count; i++) {
                size_t index = slot->order[i];
                struct planner_job *job = slot->request.jobs[index];

                if (slot->dropped[index])
                        continue;
                server_row(sim, &slot->shown[index], &rows[index]);
                struct job_record row = record_of(&sim->jobs[job_index(sim, job)], &rows[index], updated);
                verdicts[index] = planner_judge_row(sim->planner, job, &row, sim->now_us);
                digests[index] = updated_on_digest(&row);
                seen_result |= row.result.data != NULL;
        }
        planner_take_batch(sim->planner, seen_result);
        for (size_t i = 0; i < slot->request.count; i++) {
                struct planner_job *job = slot->request.jobs[i];
                struct sim_job *known = &sim->jobs[job_index(sim, job)];
                const struct observation nothing = { .poll_again_us = 0 };

                bool first = verdicts[i] == ROW_FIRST || verdicts[i] == ROW_FIRST_WITHOUT_RESULT;

                if (first && disk_full) {
                        known->quick++;
                        planner_complete(sim->planner, job, &nothing, false, NULL, sim->now_us,
                                         draw_u64(sim));
                        check_poll(sim, known, slot);
                        continue;
                }
                if (first) {
                        rows[i].has_result = verdicts[i] == ROW_FIRST;
                        take_shown(sim, job, &rows[i], &slot->shown[i], slot, true);
                        continue;
                }
                known->excuses += verdicts[i] == ROW_MISSING || job->watch.held_since_us != 0;
                planner_apply_row(sim->planner, job, verdicts[i], digests[i], sim->now_us, draw_u64(sim));
                if (verdicts[i] == ROW_MISSING)
                        note_unbatchable(sim, known, true);
                if (verdicts[i] == ROW_UNCHANGED) {
                        known->not_found_count = 0;
                        check_poll(sim, known, slot);
                }
        }
}

/* ---- any response ---- */

static void take_failure(struct sim *sim, struct slot *slot)
{
        const uint64_t retry_after_until_us =
                slot->retry_after_us < USEC_PER_HOUR ? slot->retry_after_us : USEC_PER_HOUR;

        for (size_t i = 0; i < slot->request.count; i++) {
                struct sim_job *job = &sim->jobs[job_index(sim, slot->request.jobs[i])];

                job->failures++;
                job->excuses++;
                job->quick++;
        }
        sim->disturbances++;
        planner_take_outage(sim->planner, &slot->request, slot->outage, slot->retry_after_us, sim->now_us,
                            draw_u64(sim));
        if (sim->now_us + retry_after_until_us > sim->pause_until_us)
                sim->pause_until_us = sim->now_us + retry_after_until_us;
        if (slot->retry_after_us > 0)
                budget_save(sim);
        if (planner_breaker(sim->planner)->outage == OUTAGE_NONE)
                sim_fail(sim, NULL, "a failed request did not open the circuit breaker");
}

void take_response(struct sim *sim, struct slot *slot)
{
        struct planner_job *first = slot->request.jobs[0];
        uint64_t lasted_us;

        planner_end_request(sim->planner, &slot->request, sim->now_us);
        if (planner_breaker(sim->planner)->outage == OUTAGE_NONE)
                sim->refused_credentials = false;
        sim->refused_credentials |= slot->response == RESPONSE_FAILURE && slot->outage == OUTAGE_UNAUTHORIZED;
        if (slot->response != RESPONSE_FAILURE)
                planner_take_success(sim->planner, &slot->request, sim->now_us, &lasted_us);
        switch (slot->response) {
        case RESPONSE_FAILURE:
                take_failure(sim, slot);
                break;
        case RESPONSE_ROWS:
                take_rows(sim, slot);
                break;
        case RESPONSE_BATCH_REFUSED:
                planner_disable_batches(sim->planner, &slot->request, sim->now_us);
                for (size_t i = 0; i < slot->request.count; i++)
                        sim->jobs[job_index(sim, slot->request.jobs[i])].failures++;
                break;
        case RESPONSE_RECORD:
                slot->shown[0].has_status = slot->shown[0].has_result = true;
                take_shown(sim, first, &slot->shown[0], &slot->shown[0], slot, false);
                break;
        case RESPONSE_NOT_FOUND:
                take_not_found(sim, first, slot);
                break;
        case RESPONSE_UNEXPECTED:
                take_unexpected(sim, first, slot);
                break;
        }
        slot->used = false;
}
