/* SPDX-License-Identifier: MIT */

/*
 * The daemon: asks the planner for requests, keeps them in flight, hands it the responses, and sleeps until
 * one arrives or the planner asks to be called again. What monitor/ does, without its libraries.
 */

#include "sim.h"

#include <stdlib.h>
#include <string.h>

struct sim_job *job_of(struct sim *sim, const struct planner_job *job)
{
        return &sim->jobs[job - sim->known];
}

uint64_t wall_us(const struct sim *sim)
{
        return sim->now_us + sim->wall_offset_us;
}

/* ---- start and stop ---- */

/* R5: the buckets are empty unless the state shows that no run ended within the last day. */
static void start_limits(struct sim *sim)
{
        uint64_t wall = wall_us(sim);
        struct request_times *times = &sim->times;

        if (!sim->ran || wall < sim->ended_wall_us || wall - sim->ended_wall_us < USEC_PER_DAY) {
                planner_begin_empty(sim->planner, sim->now_us);
                return;
        }
        /* A clock that was set forward looks like a long stop. */
        if (times->count > 0 && times->at_us[times->count - 1] + USEC_PER_DAY > sim->now_us) {
                times->first = times->count;
                for (size_t i = 0; i < 3; i++)
                        times->tails[i] = times->count;
        }
}

/* Retry-After outlives a restart, by the wall clock. */
static void start_pause(struct sim *sim)
{
        uint64_t wall = wall_us(sim), span_us = sim->pause_wall_us > wall ? sim->pause_wall_us - wall : 0;

        if (span_us > USEC_PER_HOUR)
                span_us = USEC_PER_HOUR;
        /* The disk may have been full, or the clock was set. */
        if (sim->wire.named_us > sim->now_us + span_us || sim->pause_jumps != sim->wall_jumps)
                sim->wire.named_us = sim->now_us + span_us;
        if (span_us == 0 || sim->pause_wall_us == 0)
                return;
        planner_pause(sim->planner, sim->now_us + span_us);
        sim->wire.pause_us = sim->now_us + span_us;
}

static void job_load(struct sim *sim, struct sim_job *known, struct planner_job *job)
{
        int64_t age_us = (int64_t)wall_us(sim) - (int64_t)known->stored_wall_us;

        job->id = known->id;
        job->settings = known->settings;
        if (known->stored_not_found > 0) {
                uint64_t wall = wall_us(sim), since = known->stored_not_found_wall_us;
                uint64_t span_us = wall > since ? wall - since : 0;

                job->watch.not_found_count = known->stored_not_found;
                job->watch.not_found_since_us = span_us < sim->now_us ? sim->now_us - span_us : 1;
        }
        if (!known->stored.recorded)
                return;
        job->watch.memory = known->stored;
        job->watch.changed_us = (int64_t)sim->now_us - (age_us > 0 ? age_us : 0);
        job->watch.stalled = known->stored_stalled;
        job->updated = known->stored.updated;
}

static void daemon_start(struct sim *sim)
{
        sim->known = calloc(sim->job_count, sizeof(*sim->known));
        if (sim->known == NULL || planner_new(&sim->limits, sim->rules, &sim->planner) < 0 ||
            planner_reserve(sim->planner, sim->job_count) < 0) {
                sim_fail(sim, NULL, "out of memory");
                return;
        }
        sim->run_us = sim->now_us;
        sim->lone_count = sim->lone_most = sim->open_at_start = 0;
        wire_start(sim);
        start_limits(sim);
        start_pause(sim);

        struct planner_job *jobs = sim->known;
        for (size_t i = 0; i < sim->job_count; i++) {
                const struct job_memory *stored = &sim->jobs[i].stored;

                job_load(sim, &sim->jobs[i], &jobs[i]);
                planner_add_job(sim->planner, &jobs[i]);
                wire_job_start(sim, &sim->jobs[i]);
                jobs[i].done = stored->recorded && outcome_is_terminal(stored->outcome) &&
                               stored->outcome != OUTCOME_GONE;
                if (jobs[i].done)
                        continue;
                sim->open_at_start++;
                planner_start_job(sim->planner, &jobs[i], sim->now_us, 0);
        }
        sim->wake_us = sim->fire_us = sim->now_us;
        sim->peek_us = USEC_NEVER;
        sim->figures.starts++;
}

void daemon_stop(struct sim *sim)
{
        if (sim->disk_full_until_us <= sim->now_us) {
                sim->ran = true;
                sim->ended_wall_us = wall_us(sim);
        }
        memset(sim->slots, 0, sizeof(sim->slots));
        sim->planner = planner_free(sim->planner);
        free(sim->known);
        sim->known = NULL;
        sim->fire_us = sim->peek_us = USEC_NEVER;
}

/* ---- the loop ---- */

static void send_request(struct sim *sim, const struct planner_request *request)
{
        size_t place = 0;

        while (place < MAX_IN_FLIGHT && sim->slots[place].used)
                place++;
        if (place == MAX_IN_FLIGHT) {
                sim_fail(sim, NULL, "more than %u requests in flight", MAX_IN_FLIGHT);
                return;
        }
        struct slot *slot = &sim->slots[place];
        uint64_t latency_us = server_latency(sim);

        slot->used = true;
        slot->made = false;
        slot->request = *request;
        slot->start_us = sim->now_us;
        slot->made_us = sim->now_us + chance_below(sim, latency_us);
        slot->end_us = sim->now_us + latency_us;
        slot->extras = sim->extras;
        slot->disturbances = sim->disturbances;
        if (sim->verbose)
                printf("%12.3f request %d of %zu, job %zu\n", (double)(sim->now_us - sim->start_us) / 1e6,
                       (int)request->kind, request->count,
                       (size_t)(job_of(sim, request->jobs[0]) - sim->jobs) + 1);
}

/* The timer is set; now and then the planner is asked in between, for wake-ups that were lost. */
static void sleep_until(struct sim *sim, uint64_t wake_us)
{
        bool in_flight = false;

        if (wake_us <= sim->now_us)
                sim_fail(sim, NULL, "to be called again at once, with nothing to request");
        sim->wake_us = wake_us;
        sim->fire_us = wake_us == USEC_NEVER ? USEC_NEVER : wake_us + chance_below(sim, 10 * USEC_PER_MSEC);
        sim->peek_us = USEC_NEVER;
        if (chance_permille(sim, 100)) {
                uint64_t latest_us =
                        wake_us < sim->now_us + USEC_PER_HOUR ? wake_us : sim->now_us + USEC_PER_HOUR;

                /* Due within the next 50 ms is due now, if requests may go now. */
                if (latest_us > sim->now_us + 60 * USEC_PER_MSEC)
                        sim->peek_us =
                                chance_permille(sim, 300)
                                        ? latest_us - 51 * USEC_PER_MSEC
                                        : chance_span(sim, sim->now_us, latest_us - 51 * USEC_PER_MSEC);
        }
        for (size_t i = 0; i < MAX_IN_FLIGHT; i++)
                in_flight |= sim->slots[i].used;
        if (wake_us == USEC_NEVER && !in_flight && !planner_is_idle(sim->planner))
                sim_fail(sim, NULL, "asleep for ever, with polls still planned");
}

static void request_due(struct sim *sim)
{
        struct planner_request request;
        uint64_t wake_us = USEC_NEVER;

        while (!sim->failed && planner_next(sim->planner, sim->now_us, &request, &wake_us)) {
                check_request(sim, &request);
                wire_request(sim, &request);
                send_request(sim, &request);
        }
        if (!sim->failed)
                sleep_until(sim, wake_us);
}

/* Nothing may become due before the time that the planner named, but by a response. */
static void peek(struct sim *sim)
{
        struct planner_request request;
        uint64_t wake_us;

        sim->peek_us = USEC_NEVER;
        if (planner_next(sim->planner, sim->now_us, &request, &wake_us))
                sim_fail(sim, job_of(sim, request.jobs[0]),
                         "a lost wake-up: could be requested now, but the planner said to sleep for %.3f s "
                         "more",
                         (double)(sim->wake_us - sim->now_us) / 1e6);
        else if (wake_us != sim->wake_us)
                sim_fail(sim, NULL, "the time to wake up has moved by itself");
}

static uint64_t daemon_next_us(const struct sim *sim)
{
        uint64_t next_us = sim->fire_us < sim->peek_us ? sim->fire_us : sim->peek_us;

        for (size_t i = 0; i < MAX_IN_FLIGHT; i++) {
                const struct slot *slot = &sim->slots[i];

                if (slot->used && (slot->made ? slot->end_us : slot->made_us) < next_us)
                        next_us = slot->made ? slot->end_us : slot->made_us;
        }
        return next_us;
}

static void slots_run(struct sim *sim, bool awake, bool *ret_answered)
{
        for (size_t i = 0; i < MAX_IN_FLIGHT && !sim->failed; i++) {
                struct slot *slot = &sim->slots[i];

                if (slot->used && !slot->made && slot->made_us <= sim->now_us)
                        server_answer(sim, slot);
                if (!slot->used || !slot->made || slot->end_us > sim->now_us || !awake)
                        continue;
                /* A connection may not have survived the suspend. */
                if (sim->now_us - slot->end_us > USEC_PER_SEC && chance_permille(sim, 500)) {
                        slot->failure = FAILURE_UNREACHABLE;
                        slot->cause = CAUSE_NOISE;
                        slot->too_large = false;
                        slot->retry_after_us = 0;
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
        slots_run(sim, awake, &answered);
        if (!awake || sim->failed)
                return;
        if (answered || sim->fire_us <= sim->now_us)
                request_due(sim);
        else if (sim->peek_us <= sim->now_us)
                peek(sim);
}

void simulate(struct sim *sim)
{
        while (!sim->failed && sim->now_us < sim->end_us) {
                uint64_t next_us = world_next_us(sim), site_us = site_next_us(sim);
                uint64_t daemon_us = sim->planner != NULL ? daemon_next_us(sim) : sim->up_us;

                if (site_us < next_us)
                        next_us = site_us;
                if (sim->suspended_until_us <= sim->now_us && daemon_us < next_us)
                        next_us = daemon_us;
                if (next_us > sim->end_us)
                        next_us = sim->end_us;
                if (next_us < sim->now_us)
                        next_us = sim->now_us;
                calm_run(sim, next_us);
                sim->now_us = next_us;
                world_run(sim);
                if (!sim->failed)
                        site_run(sim);
                if (!sim->failed)
                        daemon_run(sim);
                if (!sim->failed)
                        check_recovery(sim);
                if (!sim->failed)
                        check_first_request(sim);
        }
        if (!sim->failed)
                check_end(sim);
}
