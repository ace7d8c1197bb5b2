/* SPDX-License-Identifier: MIT */

/*
 * Throttling on the wire. A throttled response asks for a pause, unless the last response for the same
 * subject was throttled too and another was answered since: then it is charged to that subject alone. So each
 * job that is always throttled pauses the others once in a run of the daemon.
 */

#include "sim.h"

#define LEAST_PERMILLE 62

/* Of the usual rate, after responses without Retry-After. */
unsigned throttling_permille(const struct sim *sim)
{
        uint64_t permille = sim->wire.permille + (sim->now_us - sim->wire.permille_us) / USEC_PER_MIN * 100;

        return permille < 1000 ? (unsigned)permille : 1000;
}

static bool all_marked(struct sim *sim, const struct slot *slot)
{
        for (size_t i = 0; i < slot->request.count; i++)
                if (slot->request.jobs[i]->throttle_mark != sim->wire.throttle_mark)
                        return false;
        return true;
}

static bool all_throttled(const struct slot *slot)
{
        for (size_t i = 0; i < slot->request.count; i++)
                if (!slot->request.jobs[i]->throttled)
                        return false;
        return true;
}

static void charge(struct sim *sim, const struct slot *slot)
{
        for (size_t i = 0; i < slot->request.count; i++) {
                struct sim_job *job = slot->request.jobs[i];

                job->failing = true;
                job->failures++;
                job->failed_us = sim->now_us;
                wire_allow(sim, job, slot->retry_after_us);
                job->not_before_us =
                        sim->now_us +
                        (slot->retry_after_us < USEC_PER_HOUR ? slot->retry_after_us : USEC_PER_HOUR);
                wire_lone(sim, job, 3);
        }
}

/* After so many responses without Retry-After in a row. */
static uint64_t pause_span(uint64_t retry_after_us, unsigned unnamed)
{
        uint64_t span_us = 2 * USEC_PER_SEC;

        if (retry_after_us > 0)
                return retry_after_us < USEC_PER_HOUR ? retry_after_us : USEC_PER_HOUR;
        for (unsigned i = 0; i < unnamed && span_us < USEC_PER_MIN; i++)
                span_us *= 2;
        return span_us < USEC_PER_MIN ? span_us : USEC_PER_MIN;
}

static void reduce_rate(struct sim *sim)
{
        unsigned permille = throttling_permille(sim) / 2;

        sim->wire.permille = permille > LEAST_PERMILLE ? permille : LEAST_PERMILLE;
        sim->wire.permille_us = sim->now_us;
}

static void later_of(uint64_t *until_us, uint64_t at_us)
{
        if (at_us > *until_us)
                *until_us = at_us;
}

/* `surely`: otherwise it may be charged to its subject instead. */
static void pause_all(struct sim *sim, const struct slot *slot, bool surely)
{
        struct wire *wire = &sim->wire;
        bool named = slot->retry_after_us > 0;

        /* During a pause only a Retry-After adds to it: the request was sent before. */
        if (named || wire->pause_us <= sim->now_us) {
                later_of(&wire->pause_us, sim->now_us + pause_span(slot->retry_after_us, wire->unnamed));
                if (surely)
                        later_of(named ? &wire->named_us : &wire->unnamed_us,
                                 sim->now_us + pause_span(slot->retry_after_us, wire->surely_unnamed));
                if (!named) {
                        reduce_rate(sim);
                        wire->unnamed++;
                        wire->surely_unnamed += surely;
                }
        }
        if (!wire->paused)
                wire->paused_us = sim->now_us;
        wire->paused = true;
        sim->disturbances++;
        wire->others_answered = false;
        wire->part_answered = !surely; /* if it was charged, what was answered before still counts */
        wire->throttle_mark++;
        wire->throttled_count = slot->request.count;
        for (size_t i = 0; i < slot->request.count && slot->request.kind != REQUEST_CHECK; i++)
                slot->request.jobs[i]->throttle_mark = wire->throttle_mark;
}

void throttling_failed(struct sim *sim, const struct slot *slot)
{
        const struct request *request = &slot->request;
        struct sim_job *first = request->jobs[0];
        bool others = sim->wire.others_answered && request->kind != REQUEST_CHECK;
        bool alone = others && all_throttled(slot);

        for (size_t i = 0; i < request->count; i++) {
                struct sim_job *job = request->jobs[i];

                job->excuses++;
                job->quick++;
                job->setbacks++;
        }
        if (slot->cause == CAUSE_JOB && first->broken_from_us == 0) {
                first->broken_from_us = sim->now_us + USEC_PER_MIN;
                first->broken_requests = 0;
        } else if (slot->cause == CAUSE_JOB && alone && is_calm(sim) && sim->evidence &&
                   sim->now_us > first->broken_from_us) {
                first->broken_requests++;
                check_broken(sim, first);
        }
        bool unsure = sim->wire.part_answered && all_throttled(slot);
        if (request->kind == REQUEST_CHECK) /* nor are others made for some time */
                sim->wire.no_checks_until_us = sim->now_us + USEC_PER_HOUR;
        if (alone) {
                charge(sim, slot);
                return;
        }
        pause_all(sim, slot, !unsure);
        for (size_t i = 0; i < request->count && unsure; i++) { /* or it is charged */
                struct sim_job *job = request->jobs[i];

                job->maybe_failing = true;
                job->failures++;
                wire_allow(sim, job, slot->retry_after_us);
                wire_lone(sim, job, 3);
        }
        for (size_t i = 0; i < request->count && request->kind != REQUEST_CHECK; i++) /* not of its job */
                request->jobs[i]->throttled = true;
}

void throttling_answered(struct sim *sim, const struct slot *slot)
{
        sim->wire.unnamed = sim->wire.surely_unnamed = 0;
        if (slot->request.kind == REQUEST_CHECK) {
                sim->wire.others_answered = true;
                return;
        }
        /* A job of a throttled batch, alone, may count as another subject. */
        sim->wire.part_answered |= all_marked(sim, slot) && slot->request.count < sim->wire.throttled_count;
        if (all_marked(sim, slot))
                sim->wire.throttle_mark++;
        else
                sim->wire.others_answered = true;
        for (size_t i = 0; i < slot->request.count; i++)
                slot->request.jobs[i]->throttled = false;
}
