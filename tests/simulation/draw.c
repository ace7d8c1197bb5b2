/* SPDX-License-Identifier: MIT */

/*
 * Properties of a world, drawn from its seed: how many jobs and for how long, how they are watched, the
 * limits of the daemon, the kind of API, and how often incidents happen.
 */

#include "sim.h"

#include <errno.h>
#include <stdlib.h>

/* ---- drawing a world ---- */

static void draw_size(struct sim *sim)
{
        uint64_t kind = draw_below(sim, 1000), hours;

        if (kind < 4) { /* a month */
                sim->job_count = 1 + draw_below(sim, 3);
                hours = 24 * 30;
        } else if (kind < 760) {
                sim->job_count = 1 + draw_below(sim, 20);
                hours = 2 + draw_below(sim, 23);
        } else if (kind < 960) {
                sim->job_count = 20 + draw_below(sim, 300);
                hours = 2 + draw_below(sim, 8);
        } else if (kind < 995) {
                sim->job_count = 300 + draw_below(sim, 1700);
                hours = 1 + draw_below(sim, 4);
        } else {
                sim->job_count = 2000 + draw_below(sim, 8001);
                hours = 1 + draw_below(sim, 3);
        }
        sim->end_us = sim->now_us + hours * USEC_PER_HOUR;
}

static void draw_limits(struct sim *sim)
{
        struct rate_limiter_limits *limits = &sim->limits.rate_limiter;
        uint64_t kind = draw_below(sim, 100);

        *limits = (struct rate_limiter_limits){ 100 * USEC_PER_MSEC, 120, 5000, 200000 };
        if (kind >= 75) {
                limits->min_spacing_us = draw_between(sim, 100, 3000) * USEC_PER_MSEC;
                limits->per_minute = (unsigned)draw_between(sim, 1, 120);
                limits->per_hour = (unsigned)draw_between(sim, 20, 5000);
                limits->per_day = (unsigned)draw_between(sim, 300, 200000);
        }
        if (kind >= 88 && sim->job_count < 300) { /* some or all limits are left to the server */
                limits->min_spacing_us = draw_permille(sim, 500) ? limits->min_spacing_us : 0;
                limits->per_minute = draw_permille(sim, 500) ? limits->per_minute : 0;
                limits->per_hour = draw_permille(sim, 500) ? limits->per_hour : 0;
                limits->per_day = draw_permille(sim, 500) ? limits->per_day : 0;
        }
}

static void draw_api(struct sim *sim)
{
        static const unsigned quiet[] = { 0, 0, 0, 1, 5, 30 };

        sim->batch_kind =
                draw_permille(sim, 350) ? BATCH_FULL : (enum batch_kind)draw_below(sim, BATCH_KINDS);
        sim->shuffled = draw_permille(sim, 500);
        sim->fixed_windows = draw_permille(sim, 500);
        sim->window_offset_us = draw_below(sim, USEC_PER_DAY);
        sim->unexpected_permille = quiet[draw_below(sim, 6)];
        sim->miss_permille = quiet[draw_below(sim, 6)];
        sim->fail_permille = quiet[draw_below(sim, 6)];
        sim->result_permille = draw_permille(sim, 300) ? 0 : 200;
        sim->beat_permille = draw_permille(sim, 100) ? 1000 : 100;
        sim->calm_only = draw_permille(sim, 200);
        if (sim->calm_only)
                sim->unexpected_permille = sim->miss_permille = sim->fail_permille = 0;
        sim->incident_gap_us = (10 * USEC_PER_MIN) << draw_below(sim, 6);
        sim->incident_us = sim->calm_only ? USEC_NEVER : sim->now_us + draw_gap(sim, sim->incident_gap_us);
}

static struct planner_settings draw_settings(struct sim *sim)
{
        static const unsigned intervals[] = { 1, 5, 15, 15, 15, 60, 600 }, multiples[] = { 1, 2, 8, 8, 20 };
        uint64_t interval_us = intervals[draw_below(sim, 7)] * USEC_PER_SEC;

        if (sim->job_count > 300 && interval_us < 15 * USEC_PER_SEC)
                interval_us = 15 * USEC_PER_SEC;
        return (struct planner_settings){
                .interval_us = interval_us,
                .max_interval_us = interval_us * multiples[draw_below(sim, 5)],
                .stalled_after_us =
                        draw_permille(sim, 200) ? draw_between(sim, USEC_PER_MIN, USEC_PER_HOUR) : 0,
                .result_wait_us =
                        draw_permille(sim, 200) ? draw_between(sim, USEC_PER_SEC, 3 * USEC_PER_MIN) : 0,
        };
}

static void draw_job(struct sim *sim, struct sim_job *job, size_t index,
                     const struct planner_settings kinds[3])
{
        uint64_t busiest_us = sim->job_count > 20 ? sim->job_count * 3 * USEC_PER_SEC : 30 * USEC_PER_SEC;

        job->id = (sim->seed % 4 == 0 ? UINT64_C(123456789012345678) : 87654321) + index;
        job->settings = kinds[draw_permille(sim, 850) ? 0 : 1 + draw_below(sim, 2)];
        job->gap_us = busiest_us << draw_below(sim, 8);
        job->beats = draw_permille(sim, sim->beat_permille);
        job->truth = (struct shown){
                .status = (uint8_t)draw_below(sim, draw_permille(sim, 50) ? STATUSES : FIRST_END),
                .result = (uint8_t)(draw_permille(sim, sim->result_permille) ? draw_below(sim, RESULTS) : 0),
                .exists = !draw_permille(sim, 30),
                .updated = 1 + (uint32_t)draw_below(sim, 1000),
                .version = 1,
        };
        job->ended = status_is_end(job->truth.status);
        job->since_us = job->not_found_since_us = sim->now_us;
        job->next_us =
                job->ended && job->truth.exists ? USEC_NEVER : sim->now_us + draw_gap(sim, job->gap_us);
        if (!job->truth.exists && draw_permille(sim, 500))
                job->next_us = sim->now_us + draw_between(sim, USEC_PER_SEC, USEC_PER_MIN);
        if (job->settings.max_interval_us > sim->longest_max_us)
                sim->longest_max_us = job->settings.max_interval_us;
}

static int draw_jobs(struct sim *sim)
{
        struct planner_settings kinds[3];

        for (size_t i = 0; i < 3; i++)
                kinds[i] = draw_settings(sim);
        sim->limits.probe_cap_us = kinds[0].interval_us;
        sim->jobs = calloc(sim->job_count, sizeof(*sim->jobs));
        sim->heap = calloc(sim->job_count, sizeof(*sim->heap));
        if (sim->jobs == NULL || sim->heap == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < sim->job_count; i++) {
                draw_job(sim, &sim->jobs[i], i, kinds);
                heap_add(sim, &sim->jobs[i]);
        }
        return 0;
}

int world_draw(struct sim *sim, uint64_t seed)
{
        char *const failure[] = { (char[]){ "Failed" }, (char[]){ "Cancel*" }, NULL };
        char *const success[] = { (char[]){ "Completed" }, (char[]){ "Done" }, NULL };
        char *const running[] = { (char[]){ "Running" }, (char[]){ "Pending" }, NULL };

        sim->seed = seed;
        sim->random = seed * UINT64_C(0xd1342543de82ef95) + 1;
        sim->now_us = sim->start_us = USEC_PER_SEC + draw_below(sim, USEC_PER_DAY);
        sim->wall_offset_us = UINT64_C(1760000000) * USEC_PER_SEC;
        sim->up_us = sim->now_us;
        sim->limits_from_us = 0;
        sim->wall_jumped = sim->rebooted = false;
        draw_size(sim);
        sim->limits.max_in_flight = MAX_IN_FLIGHT;
        sim->limits.batch_size = draw_permille(sim, 900) ? 100 : (unsigned)draw_below(sim, 100);
        sim->limits.batch_bytes = 1890;
        draw_limits(sim);
        draw_api(sim);
        int r = status_rules_new(failure, success, running, NULL, &sim->rules);
        return r < 0 ? r : draw_jobs(sim);
}

void world_clear(struct sim *sim)
{
        planner_free(sim->planner);
        status_rules_free(sim->rules);
        free(sim->jobs);
        free(sim->heap);
        free(sim->times.at_us);
}
