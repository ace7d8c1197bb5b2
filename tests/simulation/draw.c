/* SPDX-License-Identifier: MIT */

/*
 * What a world is like, drawn from its seed: how many jobs and for how long, how they are watched, which
 * limits the daemon is set to, what kind of API it meets, and how often something goes wrong.
 */

#include "sim.h"

#include <errno.h>
#include <stdlib.h>

/* ---- drawing a world ---- */

static void draw_size(struct sim *sim)
{
        uint64_t kind = chance_below(sim, 1000), hours;

        if (kind < 4) { /* a month */
                sim->job_count = 1 + chance_below(sim, 3);
                hours = 24 * 30;
        } else if (kind < 760) {
                sim->job_count = chance_permille(sim, 300) ? 1 : 1 + chance_below(sim, 20);
                hours = 2 + chance_below(sim, 23);
        } else if (kind < 960) {
                sim->job_count = 20 + chance_below(sim, 300);
                hours = 2 + chance_below(sim, 8);
        } else if (kind < 995) {
                sim->job_count = 300 + chance_below(sim, 1700);
                hours = 1 + chance_below(sim, 4);
        } else {
                sim->job_count = 2000 + chance_below(sim, 8001);
                hours = 1 + chance_below(sim, 3);
        }
        sim->end_us = sim->now_us + hours * USEC_PER_HOUR;
}

static void draw_limits(struct sim *sim)
{
        struct rate_limiter_limits *limits = &sim->limits.rate_limiter;
        uint64_t kind = chance_below(sim, 100);

        *limits = (struct rate_limiter_limits){ 100 * USEC_PER_MSEC, 120, 5000, 200000 };
        if (kind >= 75) {
                limits->min_spacing_us = chance_span(sim, 100, 3000) * USEC_PER_MSEC;
                limits->per_minute = (unsigned)chance_span(sim, 1, 120);
                limits->per_hour = (unsigned)chance_span(sim, 20, 5000);
                limits->per_day = (unsigned)chance_span(sim, 300, 200000);
        }
        if (kind >= 88 && sim->job_count < 300) { /* some of them, or all, are left to the server */
                limits->min_spacing_us = chance_permille(sim, 500) ? limits->min_spacing_us : 0;
                limits->per_minute = chance_permille(sim, 500) ? limits->per_minute : 0;
                limits->per_hour = chance_permille(sim, 500) ? limits->per_hour : 0;
                limits->per_day = chance_permille(sim, 500) ? limits->per_day : 0;
        }
}

static void draw_api(struct sim *sim)
{
        static const unsigned quiet[] = { 0, 0, 0, 1, 5, 30 }, limited[] = { 0, 0, 0, 0, 10, 150 };
        static const enum failure failures[] = { FAILURE_NOT_FOUND, FAILURE_UNEXPECTED, FAILURE_REFUSED,
                                                 FAILURE_SERVER_ERROR };

        sim->batch_kind =
                chance_permille(sim, 350) ? BATCH_FULL : (enum batch_kind)chance_below(sim, BATCH_KINDS);
        sim->batch_failure = failures[chance_below(sim, 4)];
        sim->batch_most = chance_permille(sim, 100) ? 5 + (unsigned)chance_below(sim, 90) : PLANNER_BATCH_MAX;
        sim->spoils_batches = chance_permille(sim, 500);
        sim->shuffled = chance_permille(sim, 500);
        sim->fixed_windows = chance_permille(sim, 500);
        sim->window_offset_us = chance_below(sim, USEC_PER_DAY);
        sim->odd_permille = quiet[chance_below(sim, 6)];
        sim->miss_permille = quiet[chance_below(sim, 6)];
        sim->fail_permille = quiet[chance_below(sim, 6)];
        sim->limit_permille = limited[chance_below(sim, 6)];
        sim->result_permille = chance_permille(sim, 300) ? 0 : 200;
        sim->beat_permille = chance_permille(sim, 100) ? 1000 : 100;
        sim->disk_fail_permille = quiet[chance_below(sim, 6)];
        sim->well_only = chance_permille(sim, 300);
        if (sim->well_only)
                sim->odd_permille = sim->miss_permille = sim->fail_permille = sim->limit_permille = 0;
        sim->mischief_gap_us = (10 * USEC_PER_MIN) << chance_below(sim, 6);
        sim->mischief_us = sim->well_only ? USEC_NEVER : sim->now_us + chance_gap(sim, sim->mischief_gap_us);
}

static struct planner_settings draw_settings(struct sim *sim)
{
        static const unsigned intervals[] = { 1, 5, 15, 15, 15, 60, 600 }, multiples[] = { 1, 2, 8, 8, 20 };
        uint64_t interval_us = intervals[chance_below(sim, 7)] * USEC_PER_SEC;

        if (sim->job_count > 300 && interval_us < 15 * USEC_PER_SEC)
                interval_us = 15 * USEC_PER_SEC;
        return (struct planner_settings){
                .interval_us = interval_us,
                .max_interval_us = interval_us * multiples[chance_below(sim, 5)],
                .stalled_after_us =
                        chance_permille(sim, 200) ? chance_span(sim, USEC_PER_MIN, USEC_PER_HOUR) : 0,
                .result_wait_us =
                        chance_permille(sim, 200) ? chance_span(sim, USEC_PER_SEC, 3 * USEC_PER_MIN) : 0,
        };
}

static void draw_job(struct sim *sim, struct sim_job *job, size_t index,
                     const struct planner_settings kinds[3])
{
        uint64_t busiest_us = sim->job_count > 20 ? sim->job_count * 3 * USEC_PER_SEC : 30 * USEC_PER_SEC;

        job->id = (sim->seed % 4 == 0 ? UINT64_C(123456789012345678) : 87654321) + index;
        job->settings = kinds[chance_permille(sim, 850) ? 0 : 1 + chance_below(sim, 2)];
        job->gap_us = busiest_us << chance_below(sim, 8);
        job->beats = chance_permille(sim, sim->beat_permille);
        job->truth = (struct shown){
                .status = (uint8_t)chance_below(sim, chance_permille(sim, 50) ? STATUSES : FIRST_END),
                .result = (uint8_t)(chance_permille(sim, sim->result_permille) ? chance_below(sim, RESULTS)
                                                                               : 0),
                .exists = sim->job_count == 1 || !chance_permille(sim, 30),
                .updated = 1 + (uint32_t)chance_below(sim, 1000),
                .version = 1,
        };
        job->listed = job->watched.in_file = true;
        job->ended = status_is_end(job->truth.status);
        job->since_us = sim->now_us;
        job->fault_from_us = job->fault_until_us = USEC_NEVER;
        job->next_us =
                job->ended && job->truth.exists ? USEC_NEVER : sim->now_us + chance_gap(sim, job->gap_us);
        if (!job->truth.exists && chance_permille(sim, 500))
                job->next_us = sim->now_us + chance_span(sim, USEC_PER_SEC, USEC_PER_MIN);
        if (job->settings.max_interval_us > sim->longest_max_us)
                sim->longest_max_us = job->settings.max_interval_us;
}

/* ---- broken jobs ---- */

static void break_job(struct sim *sim, struct sim_job *job, enum fault fault)
{
        /* Without whole rows nothing shows that it exists. */
        if (fault == FAULT_HIDDEN &&
            (sim->miss_permille > 0 || !batches_work(sim) || sim->odd_permille > 0 ||
             sim->fail_permille > 0 || sim->limit_permille > 0 || sim->limits.batch_size < 2))
                fault = FAULT_ERROR;
        job->drawn = fault;
        job->retry_after_us = chance_span(sim, 1, chance_permille(sim, 200) ? 7200 : 300) * USEC_PER_SEC;
        job->fault_from_us = sim->now_us + (chance_permille(sim, 500) ? 0 : chance_gap(sim, USEC_PER_HOUR));
        job->fault_until_us = chance_permille(sim, 700)
                                      ? USEC_NEVER
                                      : job->fault_from_us + chance_gap(sim, USEC_PER_HOUR) + USEC_PER_MIN;
        if (job->fault_from_us < sim->fault_next_us)
                sim->fault_next_us = job->fault_from_us;
}

/* One in a hundred, or exactly one; or a third of them, in a row, is refused: a location. */
static void draw_broken(struct sim *sim)
{
        sim->fault_next_us = USEC_NEVER;
        if (chance_permille(sim, 100) && sim->job_count >= 3) {
                size_t count = sim->job_count / 3, first = chance_below(sim, sim->job_count - count + 1);

                for (size_t i = first; i < first + count; i++) {
                        struct sim_job *job = &sim->jobs[i];

                        break_job(sim, job, FAULT_REFUSED);
                        job->fault_from_us = sim->jobs[first].fault_from_us;
                        job->fault_until_us = sim->jobs[first].fault_until_us;
                }
                return;
        }
        size_t count = sim->job_count >= 100 ? sim->job_count / 100 : chance_permille(sim, 500);
        for (size_t i = 0; i < count; i++) {
                enum fault fault = (enum fault)(1 + chance_below(sim, FAULTS - 1));

                if (fault == FAULT_TOO_LARGE && sim->batch_most < PLANNER_BATCH_MAX)
                        fault = FAULT_ERROR; /* it would not show whose fault the size is */
                sim->large_count += fault == FAULT_TOO_LARGE;
                break_job(sim, &sim->jobs[chance_below(sim, sim->job_count)], fault);
        }
}

static int draw_room(struct sim *sim)
{
        sim->jobs = calloc(sim->job_count, sizeof(*sim->jobs));
        sim->heap = calloc(sim->job_count, sizeof(*sim->heap));
        return sim->jobs != NULL && sim->heap != NULL ? 0 : -ENOMEM;
}

static void draw_jobs(struct sim *sim)
{
        struct planner_settings kinds[3];

        for (size_t i = 0; i < 3; i++)
                kinds[i] = draw_settings(sim);
        for (size_t i = 0; i < sim->job_count; i++) {
                draw_job(sim, &sim->jobs[i], i, kinds);
                heap_add(sim, &sim->jobs[i]);
                if (i == 0 || sim->jobs[i].settings.interval_us < sim->limits.shortest_interval_us)
                        sim->limits.shortest_interval_us = sim->jobs[i].settings.interval_us;
        }
        draw_broken(sim);
}

static void begin(struct sim *sim, uint64_t seed)
{
        sim->seed = seed;
        sim->random = seed * UINT64_C(0xd1342543de82ef95) + 1;
        sim->now_us = sim->start_us = USEC_PER_SEC + chance_below(sim, USEC_PER_DAY);
        sim->wall_offset_us = UINT64_C(1760000000) * USEC_PER_SEC;
        sim->up_us = sim->now_us;
        sim->recount = true;
        sim->peek_us = USEC_NEVER;
        sim->settling_end = &sim->settling;
        sim->limits.max_in_flight = MAX_IN_FLIGHT;
        sim->limits.batch_bytes = 1890;
}

int world_draw_well(struct sim *sim, uint64_t seed, size_t jobs, uint64_t hours)
{
        begin(sim, seed);
        sim->job_count = jobs;
        sim->end_us = sim->now_us + hours * USEC_PER_HOUR;
        if (draw_room(sim) < 0)
                return -ENOMEM;
        account_draw_well(sim);
        return 0;
}

int world_draw(struct sim *sim, uint64_t seed)
{
        begin(sim, seed);
        if (seed >= FEED_SEEDS)
                account_draw_size(sim);
        else
                draw_size(sim);
        sim->limits.batch_size = chance_permille(sim, 900) ? 100 : (unsigned)chance_below(sim, 100);
        if (draw_room(sim) < 0)
                return -ENOMEM;
        if (seed >= FEED_SEEDS) {
                account_draw(sim);
                return 0;
        }
        draw_limits(sim);
        draw_api(sim);
        draw_jobs(sim);
        return 0;
}

void world_clear(struct sim *sim)
{
        disk_clear(sim);
        account_clear(sim);
        free(sim->jobs);
        free(sim->heap);
        free(sim->times.at_us);
}
