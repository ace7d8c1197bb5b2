/* SPDX-License-Identifier: MIT */

/*
 * What the daemon does with responses: as monitor/response.c and monitor/batch.c, with a disk that is a few
 * fields of the job, and reporting that is a check.
 */

#include "sim.h"

/* ---- one job ---- */

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

static bool disk_is_full(const struct sim *sim)
{
        return sim->disk_full_until_us > sim->now_us;
}

/* What the recorder does: on disk, and then reported; or neither. */
static bool record_change(struct sim *sim, struct sim_job *job, const struct change *change,
                          const struct shown *shown, const struct shown *truth, bool of_row)
{
        char updated[32];

        if (disk_is_full(sim)) {
                job->excuses += 2;
                job->allowance_us += job->reported_gone ? USEC_PER_HOUR : 0;
                return false;
        }
        check_reported(sim, job, change, shown, truth, of_row);
        job->stored_wall_us = wall_us(sim);
        if (change->kind == EVENT_STALLED) {
                job->stored_stalled = true;
        } else if (change->kind == EVENT_GONE) {
                job->stored.outcome = OUTCOME_GONE;
                job->stored.recorded = true;
                job->stored_not_found = 0;
        } else {
                struct job_record record = record_of(job, shown, updated);

                job->stored = job_memory_of(&record, change->outcome);
                job->stored_stalled = false;
        }
        return true;
}

/* A ResultData that was unread: on disk, and no event; or not. */
static bool keep_result(struct sim *sim, struct sim_job *job, const struct shown *shown,
                        const struct job_memory *seen)
{
        if (disk_is_full(sim)) {
                job->excuses += 2;
                return false;
        }
        check_read(sim, job, shown);
        job->stored.result = seen->result;
        job->stored.updated = seen->updated;
        job->stored.result_unread = false;
        return true;
}

static bool is_held(const struct sim_job *job, const struct shown *shown)
{
        return status_is_end(shown->status) && shown->result == 0 && job->settings.result_wait_us > 0;
}

static void take_shown(struct sim *sim, struct planner_job *job, const struct shown *shown,
                       const struct shown *truth, const struct slot *slot, bool of_row)
{
        struct sim_job *known = job_of(sim, job);
        struct job_record record;
        char updated[32];
        bool recorded = false;

        record = record_of(known, shown, updated);
        struct observation observation = planner_take_record(sim->planner, job, &record, sim->now_us);
        struct job_memory seen = job_memory_of(&record, observation.change.outcome);

        known->not_found = known->gone_count = known->stored_not_found = 0;
        if (observation.change.has_event)
                recorded = record_change(sim, known, &observation.change, shown, truth, of_row);
        else if (observation.change.result_read)
                recorded = keep_result(sim, known, shown, &seen);
        if (is_held(known, shown) || observation.change.has_event)
                known->quick++;
        if (is_held(known, shown) && known->held_us == 0)
                known->held_us = sim->now_us;
        planner_complete(sim->planner, job, &observation, recorded, &seen, sim->now_us, chance(sim));
        check_settled(sim, known, slot);
}

static void take_gone(struct sim *sim, struct planner_job *job)
{
        struct sim_job *known = job_of(sim, job);
        struct observation observation = planner_take_gone(job);
        bool recorded = record_change(sim, known, &observation.change, NULL, NULL, false);

        planner_complete(sim->planner, job, &observation, recorded, NULL, sim->now_us, chance(sim));
}

/* ---- batches ---- */

static bool disk_refuses(struct sim *sim, struct planner_job *job, enum row_verdict verdict)
{
        const struct observation none = { .poll_again_us = 0 };

        if ((verdict != ROW_FIRST && verdict != ROW_FIRST_WITHOUT_RESULT) || !disk_is_full(sim))
                return false;
        job_of(sim, job)->quick++;
        planner_complete(sim->planner, job, &none, false, NULL, sim->now_us, chance(sim));
        return true;
}

static void take_rows(struct sim *sim, struct slot *slot)
{
        enum row_verdict verdicts[PLANNER_BATCH_MAX] = { ROW_MISSING };
        uint64_t digests[PLANNER_BATCH_MAX] = { 0 };
        struct shown rows[PLANNER_BATCH_MAX];
        bool seen_result = false;
        char updated[32];

        for (size_t i = 0; i < slot->request.count; i++) {
                size_t place = slot->order[i];
                struct planner_job *job = slot->request.jobs[place];

                if (slot->dropped[place])
                        continue;
                server_row(sim, &slot->shown[place], &rows[place]);
                struct job_record row = record_of(job_of(sim, job), &rows[place], updated);
                verdicts[place] = planner_judge_row(sim->planner, job, &row, sim->now_us);
                digests[place] = updated_on_digest(&row);
                seen_result |= row.result.data != NULL;
        }
        planner_take_batch(sim->planner, seen_result);
        for (size_t i = 0; i < slot->request.count; i++) {
                struct planner_job *job = slot->request.jobs[i];
                struct sim_job *known = job_of(sim, job);

                if (disk_refuses(sim, job, verdicts[i])) {
                        check_settled(sim, known, slot);
                        continue;
                }
                if (verdicts[i] == ROW_FIRST || verdicts[i] == ROW_FIRST_WITHOUT_RESULT) {
                        rows[i].has_result = verdicts[i] == ROW_FIRST;
                        take_shown(sim, job, &rows[i], &slot->shown[i], slot, true);
                        continue;
                }
                known->excuses += verdicts[i] == ROW_MISSING || known->held_us != 0;
                planner_apply_row(sim->planner, job, verdicts[i], digests[i], sim->now_us, chance(sim));
                if (verdicts[i] == ROW_MISSING && known->reported_gone)
                        known->allowance_us += slot->shown[i].exists ? USEC_PER_HOUR : 0;
                else if (verdicts[i] == ROW_MISSING)
                        wire_lone(sim, known, 1);
                if (verdicts[i] == ROW_UNCHANGED) {
                        known->not_found = known->gone_count = known->stored_not_found = 0;
                        check_settled(sim, known, slot);
                }
        }
}

/* ---- failures ---- */

static void keep_pause(struct sim *sim, const struct slot *slot)
{
        uint64_t until_us = planner_throttle(sim->planner)->pause_until_us;

        if (slot->retry_after_us == 0 || disk_is_full(sim) || until_us <= sim->now_us)
                return;
        sim->pause_wall_us = wall_us(sim) + (until_us - sim->now_us);
        sim->pause_jumps = sim->wall_jumps;
}

/* Saved each time, so that the count outlives a restart. */
static void keep_not_found(struct sim *sim, const struct planner_job *job)
{
        struct sim_job *known = job_of(sim, job);

        if (disk_is_full(sim))
                return;
        known->stored_not_found = job->watch.not_found_count;
        known->stored_not_found_wall_us = wall_us(sim) - (sim->now_us - job->watch.not_found_since_us);
}

static void note_not_found(struct sim *sim, const struct slot *slot)
{
        struct sim_job *job = job_of(sim, slot->request.jobs[0]);

        if (slot->request.kind != REQUEST_SINGLE)
                return;
        if (slot->failure != FAILURE_NOT_FOUND) { /* in a row */
                job->gone_count = 0;
                job->gone_due_calm_us = 0;
                return;
        }
        if (slot->shown[0].exists) {
                job->not_found = 0;
                return;
        }
        if (job->not_found++ == 0)
                job->not_found_us = sim->now_us;
        if (job->reported_gone || slot->cause != CAUSE_MISSING)
                return;
        if (job->gone_count++ == 0)
                job->gone_count_us = sim->now_us;
        if (job->gone_due_calm_us == 0 && job->gone_count >= 3 &&
            sim->now_us - job->gone_count_us >= USEC_PER_MIN)
                job->gone_due_calm_us = sim->calm_us;
}

static void take_failure(struct sim *sim, struct slot *slot)
{
        const struct planner_failure failure = {
                .failure = slot->failure,
                .too_large = slot->too_large,
                .retry_after_us = slot->retry_after_us,
        };
        struct planner_job *first = slot->request.jobs[0];

        wire_failed(sim, slot);
        note_not_found(sim, slot);
        enum attribution attribution =
                planner_failed(sim->planner, &slot->request, &failure, false, sim->now_us, chance(sim));
        if (slot->request.kind == REQUEST_SINGLE && slot->failure == FAILURE_NOT_FOUND)
                keep_not_found(sim, first);
        if (attribution == ATTRIBUTED_AS_GONE)
                take_gone(sim, first);
        keep_pause(sim, slot);
}

void take_response(struct sim *sim, struct slot *slot)
{
        struct planner_job *first = slot->request.jobs[0];

        planner_end_request(sim->planner, &slot->request, sim->now_us);
        slot->used = false;
        if (sim->verbose && slot->failure != FAILURE_NONE)
                printf("%12.3f failed: %s, job %zu, cause %d, Retry-After %.0f s\n",
                       (double)(sim->now_us - sim->start_us) / 1e6, failure_to_string(slot->failure),
                       (size_t)(job_of(sim, first) - sim->jobs) + 1, (int)slot->cause,
                       (double)slot->retry_after_us / 1e6);
        if (slot->failure != FAILURE_NONE) {
                take_failure(sim, slot);
                return;
        }
        wire_succeeded(sim, slot);
        planner_succeeded(sim->planner, &slot->request, sim->now_us);
        switch (slot->request.kind) {
        case REQUEST_SINGLE:
                slot->shown[0].has_status = slot->shown[0].has_result = true;
                take_shown(sim, first, &slot->shown[0], &slot->shown[0], slot, false);
                break;
        case REQUEST_BATCH:
                take_rows(sim, slot);
                break;
        case REQUEST_GONE_CHECK:
                if (planner_take_gone_check(sim->planner, &slot->request, !slot->dropped[0], sim->now_us,
                                            chance(sim)))
                        take_gone(sim, first);
                break;
        case REQUEST_CHECK:
        case REQUEST_SIGN_IN:
                break;
        }
}
