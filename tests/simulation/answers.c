/* SPDX-License-Identifier: MIT */

/*
 * What the daemon does with answers: as poller_answers.c and poller_rows.c, with a disk that is a few fields
 * of the job, and telling that is a check.
 */

#include "sim.h"

/* ---- answers about one job ---- */

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

/* What the recorder does: on disk, and then told; or neither. */
static bool record_change(struct sim *sim, struct sim_job *job, const struct change *change,
                          const struct shown *shown, const struct shown *truth, bool of_row)
{
        char updated[32];

        if (sim->disk_full_until_us > sim->now_us) {
                job->excuses += 2;
                return false;
        }
        check_told(sim, job, change, shown, truth, of_row);
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

/* A ResultData that was unread: on disk, and no event; or not. */
static bool keep_result(struct sim *sim, struct sim_job *job, const struct shown *shown,
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

static void note_lone(struct sim *sim, struct sim_job *job, bool lone)
{
        sim->lone_count += lone;
        sim->lone_count -= job->lone;
        job->lone = lone;
        if (sim->lone_count > sim->lone_most)
                sim->lone_most = sim->lone_count;
}

static void take_shown(struct sim *sim, struct planner_job *job, const struct shown *shown,
                       const struct shown *truth, const struct flight *flight, bool of_row)
{
        struct sim_job *known = &sim->jobs[job_index(sim, job)];
        struct job_record record;
        char updated[32];
        bool recorded = false;

        record = record_of(known, shown, updated);
        struct sight sight = planner_take_record(sim->planner, job, &record, sim->now_us);
        struct job_memory seen = job_memory_of(&record, sight.change.outcome);

        known->absences = 0;
        note_lone(sim, known, false);
        if (sight.change.news)
                recorded = record_change(sim, known, &sight.change, shown, truth, of_row);
        else if (sight.change.reads_result)
                recorded = keep_result(sim, known, shown, &seen);
        if (sight.look_again_us > 0 || sight.change.news)
                known->quick++;
        if (sight.look_again_us > 0 && known->held_us == 0)
                known->held_us = sim->now_us;
        planner_settle(sim->planner, job, &sight, recorded, &seen, sim->now_us, chance(sim));
        check_look(sim, known, flight);
}

static void take_absence(struct sim *sim, struct planner_job *job, const struct flight *flight)
{
        struct sim_job *known = &sim->jobs[job_index(sim, job)];
        bool recorded = false;

        if (known->absences++ == 0)
                known->first_absence_us = sim->now_us;
        known->quick++;
        note_lone(sim, known, true);
        struct sight sight = planner_take_absence(sim->planner, job, sim->now_us);
        if (sight.change.news)
                recorded = record_change(sim, known, &sight.change, NULL, NULL, false);
        planner_settle(sim->planner, job, &sight, recorded, NULL, sim->now_us, chance(sim));
        check_look(sim, known, flight);
}

static void take_odd(struct sim *sim, struct planner_job *job, const struct flight *flight)
{
        struct sim_job *known = &sim->jobs[job_index(sim, job)];

        known->quick++;
        note_lone(sim, known, true);
        planner_take_odd(sim->planner, job, sim->now_us, chance(sim));
        check_look(sim, known, flight);
}

/* ---- batches ---- */

static void take_rows(struct sim *sim, struct flight *flight)
{
        enum row_verdict verdicts[PLANNER_BATCH_MAX] = { ROW_MISSING };
        uint64_t digests[PLANNER_BATCH_MAX] = { 0 };
        struct shown rows[PLANNER_BATCH_MAX];
        bool seen_result = false, disk_full = sim->disk_full_until_us > sim->now_us;
        char updated[32];

        for (size_t i = 0; i < flight->request.count; i++) {
                size_t place = flight->order[i];
                struct planner_job *job = flight->request.jobs[place];

                if (flight->dropped[place])
                        continue;
                server_row(sim, &flight->shown[place], &rows[place]);
                struct job_record row = record_of(&sim->jobs[job_index(sim, job)], &rows[place], updated);
                verdicts[place] = planner_judge_row(sim->planner, job, &row, sim->now_us);
                digests[place] = updated_on_digest(&row);
                seen_result |= row.result.data != NULL;
        }
        planner_take_batch(sim->planner, seen_result);
        for (size_t i = 0; i < flight->request.count; i++) {
                struct planner_job *job = flight->request.jobs[i];
                struct sim_job *known = &sim->jobs[job_index(sim, job)];
                const struct sight no_sight = { .look_again_us = 0 };

                bool first = verdicts[i] == ROW_FIRST || verdicts[i] == ROW_GLIMPSE;

                if (first && disk_full) {
                        known->quick++;
                        planner_settle(sim->planner, job, &no_sight, false, NULL, sim->now_us, chance(sim));
                        check_look(sim, known, flight);
                        continue;
                }
                if (first) {
                        rows[i].has_result = verdicts[i] == ROW_FIRST;
                        take_shown(sim, job, &rows[i], &flight->shown[i], flight, true);
                        continue;
                }
                known->excuses += verdicts[i] == ROW_MISSING || job->watch.held_since_us != 0;
                planner_apply_row(sim->planner, job, verdicts[i], digests[i], sim->now_us, chance(sim));
                if (verdicts[i] == ROW_MISSING)
                        note_lone(sim, known, true);
                if (verdicts[i] == ROW_SAME) {
                        known->absences = 0;
                        check_look(sim, known, flight);
                }
        }
}

/* ---- any answer ---- */

static void take_trouble(struct sim *sim, struct flight *flight)
{
        const uint64_t asked_us =
                flight->retry_after_us < USEC_PER_HOUR ? flight->retry_after_us : USEC_PER_HOUR;

        for (size_t i = 0; i < flight->request.count; i++) {
                struct sim_job *job = &sim->jobs[job_index(sim, flight->request.jobs[i])];

                job->failures++;
                job->excuses++;
                job->quick++;
        }
        sim->disturbances++;
        planner_take_trouble(sim->planner, &flight->request, flight->trouble, flight->retry_after_us,
                             sim->now_us, chance(sim));
        if (sim->now_us + asked_us > sim->pause_until_us)
                sim->pause_until_us = sim->now_us + asked_us;
        if (flight->retry_after_us > 0)
                budget_keep(sim);
        if (planner_health(sim->planner)->trouble == HEALTH_WELL)
                sim_fail(sim, NULL, "a failed request left the API well");
}

void take_answer(struct sim *sim, struct flight *flight)
{
        struct planner_job *first = flight->request.jobs[0];
        uint64_t lasted_us;

        planner_end_flight(sim->planner, &flight->request, sim->now_us);
        if (planner_health(sim->planner)->trouble == HEALTH_WELL)
                sim->refused_credentials = false;
        sim->refused_credentials |=
                flight->answer == ANSWER_TROUBLE && flight->trouble == HEALTH_UNAUTHORIZED;
        if (flight->answer != ANSWER_TROUBLE)
                planner_take_health(sim->planner, &flight->request, sim->now_us, &lasted_us);
        switch (flight->answer) {
        case ANSWER_TROUBLE:
                take_trouble(sim, flight);
                break;
        case ANSWER_ROWS:
                take_rows(sim, flight);
                break;
        case ANSWER_REFUSED:
                planner_refuse_batches(sim->planner, &flight->request, sim->now_us);
                for (size_t i = 0; i < flight->request.count; i++)
                        sim->jobs[job_index(sim, flight->request.jobs[i])].failures++;
                break;
        case ANSWER_RECORD:
                flight->shown[0].has_status = flight->shown[0].has_result = true;
                take_shown(sim, first, &flight->shown[0], &flight->shown[0], flight, false);
                break;
        case ANSWER_ABSENT:
                take_absence(sim, first, flight);
                break;
        case ANSWER_ODD:
                take_odd(sim, first, flight);
                break;
        }
        flight->used = false;
}
