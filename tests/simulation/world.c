/* SPDX-License-Identifier: MIT */

/*
 * What happens to the jobs as time goes by: a new Status, a new ResultData, an UpdatedOn that moves alone, an
 * end, an end whose ResultData comes late, a record that is deleted and perhaps comes back, and a fault that
 * begins or ends.
 */

#include "sim.h"

#include <math.h>
#include <string.h>

/* ---- chance ---- */

uint64_t chance(struct sim *sim)
{
        uint64_t z = sim->random += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

uint64_t chance_below(struct sim *sim, uint64_t bound)
{
        return bound > 0 ? chance(sim) % bound : 0;
}

uint64_t chance_span(struct sim *sim, uint64_t from_us, uint64_t to_us)
{
        return from_us + chance_below(sim, to_us - from_us + 1);
}

uint64_t chance_gap(struct sim *sim, uint64_t mean_us)
{
        double part = (double)((chance(sim) >> 11) + 1) / 9007199254740992.0;

        return 1 + (uint64_t)(-log(part) * (double)mean_us);
}

bool chance_permille(struct sim *sim, unsigned permille)
{
        return chance_below(sim, 1000) < permille;
}

/* ---- texts ---- */

static const char *const statuses[] = {
        NULL,     "Pending", "Running", "Processing", "In progress", "Step 1 of 2", "Step 2 of 2",
        "Queued", "Waiting", "Checked", "Completed",  "Failed",      "Cancelled",   "Done",
};

_Static_assert(sizeof(statuses) / sizeof(statuses[0]) == STATUSES, "a text for each status");

struct text status_text(uint8_t index)
{
        if (index == 0)
                return TEXT_NULL;
        return (struct text){ (char *)(uintptr_t)statuses[index], strlen(statuses[index]) };
}

struct text result_text(uint8_t index)
{
        static const char rows[] = "0123456789abcdef";

        if (index == 0)
                return TEXT_NULL;
        return (struct text){ (char *)(uintptr_t)rows, index - 1u }; /* 1: the empty text */
}

bool status_is_end(uint8_t index)
{
        return index >= FIRST_END;
}

/* ---- the heap of what happens to jobs ---- */

static void heap_set(struct sim *sim, size_t place, struct sim_job *job)
{
        sim->heap[place] = job;
        job->position = place;
}

static void heap_move(struct sim *sim, struct sim_job *job)
{
        size_t place = job->position;

        while (place > 0 && sim->heap[(place - 1) / 2]->next_us > job->next_us) {
                heap_set(sim, place, sim->heap[(place - 1) / 2]);
                place = (place - 1) / 2;
        }
        for (;;) {
                size_t child = 2 * place + 1;

                if (child >= sim->heap_count)
                        break;
                if (child + 1 < sim->heap_count && sim->heap[child + 1]->next_us < sim->heap[child]->next_us)
                        child++;
                if (sim->heap[child]->next_us >= job->next_us)
                        break;
                heap_set(sim, place, sim->heap[child]);
                place = child;
        }
        heap_set(sim, place, job);
}

void heap_add(struct sim *sim, struct sim_job *job)
{
        heap_set(sim, sim->heap_count++, job);
        heap_move(sim, job);
}

void world_hurry(struct sim *sim, struct sim_job *job)
{
        job->next_us = sim->now_us;
        heap_move(sim, job);
}

/* ---- jobs ---- */

static void truth_changes(struct sim *sim, struct sim_job *job, struct shown next)
{
        if (sim->monitor != NULL)
                check_gap(sim, job, sim->calm_us);
        check_gone_due(sim, job);
        next.version = job->truth.version + 1;
        job->truth = next;
        job->since_us = sim->now_us;
        job->since_calm_us = sim->calm_us;
        job->held_us = job->gone_due_calm_us = 0;
        job->gone_count = 0;
        job->returned_us = next.exists && job->reported_gone ? sim->now_us : 0;
        sim->recount = true;
        job->excuses += 4; /* the confirmation itself, and new ones for UpdatedOn */
        job->ramps++;
}

static uint8_t another(struct sim *sim, uint8_t present, uint8_t from, uint8_t to)
{
        uint8_t drawn = (uint8_t)(from + chance_below(sim, to - from));

        return drawn != present ? drawn : (uint8_t)(drawn + 1 < to ? drawn + 1 : from);
}

/* Also of a job to which something else happens later. */
void world_change_result(struct sim *sim, struct sim_job *job)
{
        const struct shown before = job->truth;
        struct shown next = before;

        next.updated++;
        next.result = another(sim, next.result, 1, RESULTS);
        truth_changes(sim, job, next);
        account_note(sim, job, &before);
}

static void job_ends(struct sim *sim, struct sim_job *job)
{
        struct shown next = job->truth;
        bool late = chance_permille(sim, 300);

        next.status = another(sim, next.status, FIRST_END, STATUSES);
        next.updated++;
        next.result = late ? 0 : another(sim, 0, 1, RESULTS);
        truth_changes(sim, job, next);
        job->ended = true;
        job->next_us =
                late ? sim->now_us + chance_span(sim, USEC_PER_SEC / 10, 2 * USEC_PER_MIN) : USEC_NEVER;
}

static void job_is_deleted(struct sim *sim, struct sim_job *job)
{
        struct shown next = job->truth;

        next.exists = false;
        truth_changes(sim, job, next);
        job->next_us = chance_permille(sim, 500)
                               ? sim->now_us + chance_span(sim, USEC_PER_SEC, 10 * USEC_PER_MIN)
                               : USEC_NEVER;
}

static void job_happens(struct sim *sim, struct sim_job *job)
{
        struct shown next = job->truth;
        uint64_t what = chance_below(sim, 100);

        if (!next.exists) {
                next.exists = true;
                truth_changes(sim, job, next);
                job->next_us = sim->now_us + chance_gap(sim, job->gap_us);
                return;
        }
        next.updated++;
        if (job->ended) {
                next.result = another(sim, 0, 1, RESULTS);
                truth_changes(sim, job, next);
                job->next_us = USEC_NEVER;
                return;
        }
        job->next_us = sim->now_us + chance_gap(sim, job->gap_us);
        if (job->beats && chance_permille(sim, 800)) {
                job->truth.updated++;
        } else if (what < 45) {
                next.status = another(sim, next.status, chance_permille(sim, 30) ? 0 : 1, FIRST_END);
                if (chance_permille(sim, 300))
                        next.result = another(sim, next.result, 0, RESULTS);
                truth_changes(sim, job, next);
        } else if (what < 65) {
                next.result = another(sim, next.result, 0, RESULTS);
                truth_changes(sim, job, next);
        } else if (what < 85) {
                job->truth.updated++;
        } else if (what < 95) {
                job_ends(sim, job);
        } else if (what < 98) {
                job_is_deleted(sim, job);
        }
}

/* ---- faults ---- */

/* What waited for it while it was broken does not count; its backoff does. */
static void fault_ends(struct sim *sim, struct sim_job *job)
{
        check_broken(sim, job);
        job->fault = FAULT_NONE;
        job->settled_us = sim->now_us;
        job->settled_calm_us = job->since_calm_us = sim->calm_us;
        job->extras_before = sim->extras;
        job->disturbances_before = sim->disturbances;
        if (sim->monitor != NULL)
                wire_allow(sim, job, job->drawn >= FAULT_THROTTLED ? job->retry_after_us : 0);
        job->excuses += 4;
        job->ramps++;
}

static void fault_begins(struct sim *sim, struct sim_job *job)
{
        if (sim->monitor != NULL)
                check_gap(sim, job, sim->calm_us);
        job->fault = job->drawn;
        job->gone_due_calm_us = 0;
        job->broken_requests = 0;
        job->broken_from_us = 0;
        job->excuses += 4;
        sim->disturbances++;
        sim->figures.broken++;
}

static void faults_run(struct sim *sim)
{
        sim->fault_next_us = USEC_NEVER;
        sim->recount = true;
        for (size_t i = 0; i < sim->job_count && !sim->failed; i++) {
                struct sim_job *job = &sim->jobs[i];

                if (job->drawn == FAULT_NONE)
                        continue;
                if (job->fault != FAULT_NONE && job->fault_until_us <= sim->now_us)
                        fault_ends(sim, job);
                if (job->fault == FAULT_NONE && job->fault_from_us <= sim->now_us &&
                    job->fault_until_us > sim->now_us)
                        fault_begins(sim, job);
                if (job->fault_from_us > sim->now_us && job->fault_from_us < sim->fault_next_us)
                        sim->fault_next_us = job->fault_from_us;
                if (job->fault_until_us > sim->now_us && job->fault_until_us < sim->fault_next_us)
                        sim->fault_next_us = job->fault_until_us;
        }
}

/* ---- the world ---- */

uint64_t world_next_us(const struct sim *sim)
{
        return sim->heap[0]->next_us < sim->fault_next_us ? sim->heap[0]->next_us : sim->fault_next_us;
}

void world_run(struct sim *sim)
{
        while (!sim->failed && sim->heap[0]->next_us <= sim->now_us) {
                struct sim_job *job = sim->heap[0];

                const struct shown before = job->truth;
                job_happens(sim, job);
                account_note(sim, job, &before);
                heap_move(sim, job);
        }
        if (!sim->failed && sim->fault_next_us <= sim->now_us)
                faults_run(sim);
}
