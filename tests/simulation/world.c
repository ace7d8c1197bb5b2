/* SPDX-License-Identifier: MIT */

/*
 * What happens over time: to the jobs (a new Status, a new ResultData, an UpdatedOn that moves alone, an
 * end, an end whose ResultData comes late, a record that disappears and perhaps returns) and to everything
 * else (outages, slowness, throttling, a full disk, suspend, clock jumps, crashes and restarts).
 */

#include "sim.h"

#include <math.h>
#include <string.h>

/* ---- randomness ---- */

uint64_t draw_u64(struct sim *sim)
{
        uint64_t z = sim->random += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

uint64_t draw_below(struct sim *sim, uint64_t bound)
{
        return bound > 0 ? draw_u64(sim) % bound : 0;
}

uint64_t draw_between(struct sim *sim, uint64_t from_us, uint64_t to_us)
{
        return from_us + draw_below(sim, to_us - from_us + 1);
}

uint64_t draw_gap(struct sim *sim, uint64_t mean_us)
{
        double part = (double)((draw_u64(sim) >> 11) + 1) / 9007199254740992.0;

        return 1 + (uint64_t)(-log(part) * (double)mean_us);
}

bool draw_permille(struct sim *sim, unsigned permille)
{
        return draw_below(sim, 1000) < permille;
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

/* ---- heap of jobs by their next change ---- */

static void heap_set(struct sim *sim, size_t index, struct sim_job *job)
{
        sim->heap[index] = job;
        job->position = index;
}

static void heap_move(struct sim *sim, struct sim_job *job)
{
        size_t index = job->position;

        while (index > 0 && sim->heap[(index - 1) / 2]->next_us > job->next_us) {
                heap_set(sim, index, sim->heap[(index - 1) / 2]);
                index = (index - 1) / 2;
        }
        for (;;) {
                size_t child = 2 * index + 1;

                if (child >= sim->heap_count)
                        break;
                if (child + 1 < sim->heap_count && sim->heap[child + 1]->next_us < sim->heap[child]->next_us)
                        child++;
                if (sim->heap[child]->next_us >= job->next_us)
                        break;
                heap_set(sim, index, sim->heap[child]);
                index = child;
        }
        heap_set(sim, index, job);
}

void heap_add(struct sim *sim, struct sim_job *job)
{
        heap_set(sim, sim->heap_count++, job);
        heap_move(sim, job);
}

/* ---- jobs ---- */

static void truth_changes(struct sim *sim, struct sim_job *job, struct shown next)
{
        check_truth_ends(sim, job);
        next.version = job->truth.version + 1;
        job->truth = next;
        job->since_us = sim->now_us;
        job->since_calm_us = sim->calm_us;
        job->held_us = 0;
        job->excuses += 4; /* the poll itself, and confirmations by UpdatedOn that count anew */
        job->ramps++;
}

static uint8_t another(struct sim *sim, uint8_t present, uint8_t from, uint8_t to)
{
        uint8_t drawn = (uint8_t)(from + draw_below(sim, to - from));

        return drawn != present ? drawn : (uint8_t)(drawn + 1 < to ? drawn + 1 : from);
}

static void job_ends(struct sim *sim, struct sim_job *job)
{
        struct shown next = job->truth;
        bool late = draw_permille(sim, 300);

        next.status = another(sim, next.status, FIRST_END, STATUSES);
        next.updated++;
        next.result = late ? 0 : another(sim, 0, 1, RESULTS);
        truth_changes(sim, job, next);
        job->ended = true;
        job->next_us =
                late ? sim->now_us + draw_between(sim, USEC_PER_SEC / 10, 2 * USEC_PER_MIN) : USEC_NEVER;
}

static void job_vanishes(struct sim *sim, struct sim_job *job)
{
        struct shown next = job->truth;

        next.exists = false;
        truth_changes(sim, job, next);
        job->not_found_since_us = sim->now_us;
        job->next_us = draw_permille(sim, 500)
                               ? sim->now_us + draw_between(sim, USEC_PER_SEC, 10 * USEC_PER_MIN)
                               : USEC_NEVER;
}

static void job_happens(struct sim *sim, struct sim_job *job)
{
        struct shown next = job->truth;
        uint64_t what = draw_below(sim, 100);

        if (!next.exists) {
                next.exists = true;
                truth_changes(sim, job, next);
                job->next_us = sim->now_us + draw_gap(sim, job->gap_us);
                return;
        }
        next.updated++;
        if (job->ended) {
                next.result = another(sim, 0, 1, RESULTS);
                truth_changes(sim, job, next);
                job->next_us = USEC_NEVER;
                return;
        }
        job->next_us = sim->now_us + draw_gap(sim, job->gap_us);
        if (job->beats && draw_permille(sim, 800)) {
                job->truth.updated++;
        } else if (what < 45) {
                next.status = another(sim, next.status, draw_permille(sim, 30) ? 0 : 1, FIRST_END);
                if (draw_permille(sim, 300))
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
                job_vanishes(sim, job);
        }
}

/* ---- incidents ---- */

static void later(struct sim *sim, uint64_t *until_us, uint64_t longest_us)
{
        uint64_t mean_us = longest_us >> draw_below(sim, 8);

        *until_us = sim->now_us + draw_between(sim, mean_us / 4, mean_us);
        sim->disturbances++;
}

static void wall_jumps(struct sim *sim)
{
        int64_t by_us = (int64_t)draw_between(sim, 0, 2 * USEC_PER_DAY) - (int64_t)USEC_PER_DAY;

        sim->wall_offset_us += (uint64_t)by_us;
        sim->wall_jumped |= by_us > 0;
}

static void incident(struct sim *sim)
{
        sim->incident_us = sim->now_us + draw_gap(sim, sim->incident_gap_us);
        switch (sim->planner != NULL && sim->now_us - sim->run_us < USEC_PER_MIN ? 11 : draw_below(sim, 12)) {
        case 0:
        case 1:
        case 2:
                sim->outage = (unsigned)draw_below(sim, 4);
                later(sim, &sim->outage_until_us, 4 * USEC_PER_HOUR);
                sim->figures.outages++;
                break;
        case 3:
        case 4:
                later(sim, &sim->slow_until_us, 20 * USEC_PER_MIN);
                break;
        case 5:
                later(sim, &sim->disk_full_until_us, 2 * USEC_PER_HOUR);
                break;
        case 6:
                later(sim, &sim->suspended_until_us, 8 * USEC_PER_HOUR);
                break;
        case 7:
                sim->throttle_retry_us = draw_permille(sim, 300) ? 0 : USEC_PER_SEC << draw_below(sim, 18);
                later(sim, &sim->throttled_until_us, 10 * USEC_PER_MIN);
                break;
        case 8:
                if (draw_permille(sim, 150))
                        wall_jumps(sim);
                break;
        default:
                if (sim->planner != NULL) {
                        daemon_stop(sim, draw_permille(sim, 400));
                        sim->rebooted = draw_permille(sim, 100);
                        sim->up_us = sim->now_us + draw_between(sim, USEC_PER_SEC / 10,
                                                                USEC_PER_SEC << draw_below(sim, 13));
                        if (draw_permille(sim, 500)) /* in a loop */
                                sim->incident_us = sim->up_us + draw_gap(sim, 20 * USEC_PER_SEC);
                        sim->disturbances++;
                }
                break;
        }
}

static void sooner(uint64_t *next_us, uint64_t now_us, uint64_t at_us)
{
        if (at_us > now_us && at_us < *next_us)
                *next_us = at_us;
}

uint64_t world_next_us(const struct sim *sim)
{
        uint64_t next_us = sim->heap[0]->next_us;

        if (sim->incident_us < next_us)
                next_us = sim->incident_us;
        sooner(&next_us, sim->now_us, sim->outage_until_us);
        sooner(&next_us, sim->now_us, sim->slow_until_us);
        sooner(&next_us, sim->now_us, sim->disk_full_until_us);
        sooner(&next_us, sim->now_us, sim->suspended_until_us);
        sooner(&next_us, sim->now_us, sim->throttled_until_us);
        return next_us;
}

void world_run(struct sim *sim)
{
        while (!sim->failed && sim->heap[0]->next_us <= sim->now_us) {
                struct sim_job *job = sim->heap[0];

                job_happens(sim, job);
                heap_move(sim, job);
        }
        if (sim->incident_us <= sim->now_us && sim->suspended_until_us <= sim->now_us)
                incident(sim);
        else if (sim->incident_us <= sim->now_us)
                sim->incident_us = sim->suspended_until_us + 1;
}
