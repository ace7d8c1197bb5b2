/* SPDX-License-Identifier: MIT */

/*
 * The daemon: asks the planner for requests, keeps them in flight, passes it the responses, and sleeps until
 * the next response or the wake-up time of the planner. As monitor/monitor.c, requests.c and budget.c,
 * without their libraries.
 */

#include "sim.h"

#include <string.h>

#define COVERED_PER_WRITE 20

size_t job_index(const struct sim *sim, const struct planner_job *job)
{
        return (size_t)(job - planner_jobs(sim->planner));
}

uint64_t wall_us(const struct sim *sim)
{
        return sim->now_us + sim->wall_offset_us;
}

/* ---- the budget on disk ---- */

static void budget_put(struct sim *sim, unsigned ahead)
{
        uint64_t retry_after_until_us = planner_breaker(sim->planner)->retry_after_until_us;

        if (sim->disk_full_until_us > sim->now_us) {
                /* A failure to store does not stop polling; a crash before the next write may lose it. */
                sim->budget.stale = true;
                sim->limits_from_us = sim->now_us + USEC_PER_DAY;
                return;
        }
        sim->budget = (struct budget_on_disk){
                .stored = true,
                .wall_us = wall_us(sim),
                .boot_us = sim->now_us,
                .pause_us = retry_after_until_us > sim->now_us ? retry_after_until_us - sim->now_us : 0,
                .deficit = rate_limiter_deficit(planner_rate_limiter(sim->planner), ahead, sim->now_us),
        };
}

static void budget_spend(struct sim *sim)
{
        if (sim->covered == 0) {
                budget_put(sim, COVERED_PER_WRITE);
                sim->covered = COVERED_PER_WRITE;
        }
        sim->covered--;
}

void budget_save(struct sim *sim)
{
        budget_put(sim, sim->covered);
}

static void budget_open(struct sim *sim)
{
        uint64_t age_us = sim->now_us - sim->budget.boot_us, pause_until_us = 0;

        if (sim->rebooted) {
                uint64_t real_us = age_us;

                age_us = wall_us(sim) > sim->budget.wall_us ? wall_us(sim) - sim->budget.wall_us : 0;
                /* A clock that was set forward is indistinguishable from a long stop. */
                if (age_us > real_us)
                        sim->limits_from_us = sim->now_us + USEC_PER_DAY;
        }
        sim->covered = 0;
        if (sim->budget.stored) {
                rate_limiter_restore(planner_rate_limiter(sim->planner), &sim->budget.deficit, age_us,
                                     sim->now_us);
                if (sim->budget.pause_us > age_us)
                        pause_until_us = sim->now_us + sim->budget.pause_us - age_us;
        }
        if (pause_until_us > 0)
                planner_pause(sim->planner, pause_until_us);
        /* The restored pause may be shorter or longer. */
        if (sim->rebooted || sim->budget.stale)
                sim->pause_until_us = pause_until_us;
}

/* ---- start and stop ---- */

static void job_load(struct sim *sim, struct sim_job *known, struct planner_job *job)
{
        int64_t age_us = (int64_t)wall_us(sim) - (int64_t)known->stored_wall_us;

        job->id = known->id;
        job->settings = &known->settings;
        if (!known->stored.recorded)
                return;
        job->watch = (struct job_watch){
                .memory = known->stored,
                .changed_us = (int64_t)sim->now_us - (age_us > 0 ? age_us : 0),
                .stalled = known->stored_stalled,
        };
        job->updated = known->stored.updated;
}

static void note_started(struct sim *sim, struct sim_job *job)
{
        job->polled_calm_us = sim->calm_us;
        job->confirms_before = sim->confirms;
        job->disturbances_before = sim->disturbances;
        job->failures = job->not_found_count = 0;
        job->unbatchable = false;
        job->excuses += 6; /* first observation, missing fields and fruitless confirmations */
        job->held_us = 0;
        job->ramps++;
}

void daemon_start(struct sim *sim)
{
        if (planner_new(&sim->limits, sim->rules, sim->job_count, &sim->planner) < 0) {
                sim_fail(sim, NULL, "out of memory");
                return;
        }
        sim->run_us = sim->now_us;
        sim->unbatchable_count = sim->unbatchable_most = sim->open_at_start = 0;
        budget_open(sim);

        struct planner_job *jobs = planner_jobs(sim->planner);
        for (size_t i = 0; i < sim->job_count; i++) {
                job_load(sim, &sim->jobs[i], &jobs[i]);
                note_started(sim, &sim->jobs[i]);
                if (sim->jobs[i].stored.recorded && outcome_is_terminal(sim->jobs[i].stored.outcome))
                        continue;
                sim->open_at_start++;
                planner_start(sim->planner, &jobs[i], sim->now_us, 0);
        }
        sim->wake_us = sim->fire_us = sim->now_us;
        sim->check_wake_up_us = USEC_NEVER;
        sim->figures.restarts++;
}

void daemon_stop(struct sim *sim, bool clean)
{
        if (clean)
                budget_put(sim, 0);
        memset(sim->slots, 0, sizeof(sim->slots));
        sim->planner = planner_free(sim->planner);
        sim->fire_us = sim->check_wake_up_us = USEC_NEVER;
}

/* ---- the loop ---- */

static void start_request(struct sim *sim, const struct planner_request *request)
{
        size_t index = 0;

        while (index < MAX_IN_FLIGHT && sim->slots[index].used)
                index++;
        if (index == MAX_IN_FLIGHT) {
                sim_fail(sim, NULL, "more than %u requests in flight", MAX_IN_FLIGHT);
                return;
        }
        struct slot *slot = &sim->slots[index];
        uint64_t latency_us = server_latency(sim);

        budget_spend(sim);
        slot->confirms = sim->confirms;
        slot->disturbances = sim->disturbances;
        sim->disturbances += sim->slow_until_us > sim->now_us; /* it may last longer than the slowness */
        slot->used = true;
        slot->made = false;
        slot->request = *request;
        slot->start_us = sim->now_us;
        slot->made_us = sim->now_us + draw_below(sim, latency_us);
        slot->end_us = sim->now_us + latency_us;
}

static void poll_due(struct sim *sim)
{
        struct planner_request request;
        uint64_t wake_us = USEC_NEVER;

        for (;;) {
                bool was_in_outage = planner_breaker(sim->planner)->outage != OUTAGE_NONE;

                if (sim->failed || !planner_next(sim->planner, sim->now_us, &request, &wake_us))
                        break;
                check_request(sim, &request, was_in_outage);
                start_request(sim, &request);
        }
        if (sim->failed)
                return;
        if (wake_us <= sim->now_us)
                sim_fail(sim, NULL, "the wake-up time has passed, but no request is due");
        sim->wake_us = wake_us;
        sim->fire_us = wake_us == USEC_NEVER ? USEC_NEVER : wake_us + draw_below(sim, 10 * USEC_PER_MSEC);
        sim->check_wake_up_us = USEC_NEVER;
        if (draw_permille(sim, 100)) {
                uint64_t latest_us =
                        wake_us < sim->now_us + USEC_PER_HOUR ? wake_us : sim->now_us + USEC_PER_HOUR;

                /* What is due within the next 50 ms may be handed out now, if requests are allowed. */
                if (latest_us > sim->now_us + 60 * USEC_PER_MSEC)
                        sim->check_wake_up_us =
                                draw_permille(sim, 300)
                                        ? latest_us - 51 * USEC_PER_MSEC
                                        : draw_between(sim, sim->now_us, latest_us - 51 * USEC_PER_MSEC);
        }
        bool any_in_flight = false;
        for (size_t i = 0; i < MAX_IN_FLIGHT; i++)
                any_in_flight |= sim->slots[i].used;
        if (wake_us == USEC_NEVER && !any_in_flight && !planner_is_idle(sim->planner))
                sim_fail(sim, NULL, "no wake-up time, but polls are scheduled");
}

/* Nothing may become due before the wake-up time of the planner, except by a response. */
static void check_wake_up(struct sim *sim)
{
        struct planner_request request;
        uint64_t wake_us;

        sim->check_wake_up_us = USEC_NEVER;
        if (planner_next(sim->planner, sim->now_us, &request, &wake_us))
                sim_fail(sim, &sim->jobs[job_index(sim, request.jobs[0])],
                         "a lost wake-up: due now, but the wake-up time of the planner is %.3f s later",
                         (double)(sim->wake_us - sim->now_us) / 1e6);
        else if (wake_us != sim->wake_us)
                sim_fail(sim, NULL, "the wake-up time has changed without a response");
}

static uint64_t daemon_next_us(const struct sim *sim)
{
        uint64_t next_us = sim->fire_us < sim->check_wake_up_us ? sim->fire_us : sim->check_wake_up_us;

        for (size_t i = 0; i < MAX_IN_FLIGHT; i++) {
                const struct slot *slot = &sim->slots[i];

                if (slot->used && (slot->made ? slot->end_us : slot->made_us) < next_us)
                        next_us = slot->made ? slot->end_us : slot->made_us;
        }
        return next_us;
}

static void run_requests(struct sim *sim, bool awake, bool *ret_answered)
{
        for (size_t i = 0; i < MAX_IN_FLIGHT && !sim->failed; i++) {
                struct slot *slot = &sim->slots[i];

                if (slot->used && !slot->made && slot->made_us <= sim->now_us)
                        server_respond(sim, slot);
                if (!slot->used || !slot->made || slot->end_us > sim->now_us || !awake)
                        continue;
                /* A connection may be lost during suspend. */
                if (sim->now_us - slot->end_us > USEC_PER_SEC && draw_permille(sim, 500)) {
                        slot->response = RESPONSE_FAILURE;
                        slot->outage = OUTAGE_UNREACHABLE;
                        slot->retry_after_us = 0;
                        sim->working_since_us = sim->now_us;
                }
                take_response(sim, slot);
                *ret_answered = true;
        }
}

static void daemon_run(struct sim *sim)
{
        bool awake = sim->suspended_until_us <= sim->now_us, answered = false;

        if (sim->planner == NULL) {
                if (sim->up_us <= sim->now_us && awake)
                        daemon_start(sim);
                return;
        }
        run_requests(sim, awake, &answered);
        if (!awake || sim->failed)
                return;
        if (answered || sim->fire_us <= sim->now_us)
                poll_due(sim);
        else if (sim->check_wake_up_us <= sim->now_us)
                check_wake_up(sim);
}

void simulate(struct sim *sim)
{
        while (!sim->failed && sim->now_us < sim->end_us) {
                uint64_t next_us = world_next_us(sim);
                uint64_t daemon_us = sim->planner != NULL ? daemon_next_us(sim) : sim->up_us;

                if (sim->suspended_until_us <= sim->now_us && daemon_us < next_us)
                        next_us = daemon_us;
                if (next_us > sim->end_us)
                        next_us = sim->end_us;
                if (next_us < sim->now_us)
                        next_us = sim->now_us;
                if (is_calm(sim))
                        sim->calm_us += next_us - sim->now_us;
                sim->now_us = next_us;
                world_run(sim);
                if (!sim->failed)
                        daemon_run(sim);
                if (!sim->failed)
                        check_recovery(sim);
        }
        if (!sim->failed)
                check_end(sim);
}
