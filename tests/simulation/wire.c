/* SPDX-License-Identifier: MIT */

/*
 * What follows from the responses that were delivered, by the rules of outages and batches alone: whether
 * there is a reason to take the API for failing, until when at most, how far a job's next poll may be put
 * off, and whether batches may be out of use. This is a second reading of the rules, which shares nothing
 * with the planner.
 */

#include "sim.h"

#include <string.h>

#define FAILED_BATCHES 3

/* So many failed requests in a row, whoever for, are a reason to check. */
#define ROW 8

void wire_start(struct sim *sim)
{
        uint64_t named_us = sim->wire.named_us;

        sim->run_extras = sim->extras;

        sim->wire =
                (struct wire){ .named_us = named_us, .permille = 1000, .throttle_mark = 1, .run_mark = 1 };
}

void wire_job_start(struct sim *sim, struct sim_job *job)
{
        job->settled_us = sim->now_us;
        job->settled_calm_us = sim->calm_us;
        if (job->returned_us != 0) /* it is polled at once */
                job->since_calm_us = sim->calm_us;
        job->extras_before = sim->extras;
        job->disturbances_before = sim->disturbances;
        job->allowance_us = job->last_allowance_us = job->failed_us = 0;
        job->failures = job->setbacks = job->lone_left = job->gone_count = 0;
        job->requested_us = job->not_before_us = job->gone_due_calm_us = job->held_us = job->broken_from_us =
                0;
        job->throttle_mark = job->run_mark = 0;
        job->failing = job->throttled = job->was_in_batch = false;
        job->probed = 0;
        job->undone = job->owed = job->maybe_failing = false;
        job->excuses += 6; /* a first or a new poll, confirmations, and those for UpdatedOn */
        job->ramps++;
}

void wire_lone(struct sim *sim, struct sim_job *job, unsigned left)
{
        sim->lone_count += left > 0;
        sim->lone_count -= job->lone_left > 0;
        job->lone_left = left;
        if (sim->lone_count > sim->lone_most)
                sim->lone_most = sim->lone_count;
}

/* ---- requests ---- */

/* Beyond one poll each: soon after another, or one that follows from a failure or a row. */
static bool is_extra(const struct sim *sim, const struct sim_job *job, bool single)
{
        uint64_t least_us = job->settings.interval_us * 65 / 100 - 60 * USEC_PER_MSEC;

        if (job->requested_us == 0)
                return false;
        return sim->now_us - job->requested_us < least_us || job->failing || job->throttled ||
               (single && job->was_in_batch);
}

void wire_request(struct sim *sim, const struct request *request)
{
        bool extra = true;

        for (size_t i = 0; i < request->count; i++) {
                struct sim_job *job = request->jobs[i];

                extra = extra && is_extra(sim, job, request->count == 1);
                check_owed(sim, job);
                job->owed = job->owed && request->kind == REQUEST_CHECK;
                job->requested_us = sim->now_us;
                job->was_in_batch = request->count > 1;
                job->requests += request->kind != REQUEST_CHECK;
        }
        sim->checks += request->kind == REQUEST_CHECK;
        sim->extras += extra || request->kind == REQUEST_CHECK;
        sim->wire.paused = false;
        sim->wire.requested = true;
}

/* ---- the API as a whole ---- */

static uint64_t probe_distance(const struct sim *sim, enum failure failure, unsigned failed)
{
        bool refused = failure == FAILURE_REFUSED;
        uint64_t longest_us = refused ? 5 * USEC_PER_MIN : sim->limits.shortest_interval_us;
        uint64_t span_us = (refused ? 10 : 2) * USEC_PER_SEC;

        for (; failed > 0 && span_us < longest_us; failed--)
                span_us *= 2;
        return span_us < longest_us ? span_us : longest_us;
}

/* A probe, until its time-out, and the limits before it. */
static uint64_t probe_slack(const struct sim *sim)
{
        uint64_t step_us, refill_us;

        emission_of(sim, &step_us, &refill_us);
        return 31 * USEC_PER_SEC + (refill_us + 2 * step_us) * 1000 / throttling_permille(sim);
}

/* What held up the probe moves it. */
uint64_t wire_deadline(const struct sim *sim)
{
        const uint64_t ends_us[] = { sim->wire.pause_us, sim->suspended_until_us, sim->slow_until_us };
        uint64_t deadline_us = sim->wire.deadline_us, slack_us = probe_slack(sim);

        for (size_t i = 0; i < sizeof(ends_us) / sizeof(ends_us[0]); i++)
                if (ends_us[i] != 0 && ends_us[i] + slack_us > deadline_us)
                        deadline_us = ends_us[i] + slack_us;
        return deadline_us;
}

/* There was no job to show that the API is well, and now there is one: the next probe may. */
void wire_evidence(struct sim *sim)
{
        uint64_t longest_us = probe_distance(sim, FAILURE_REFUSED, 9),
                 other_us = probe_distance(sim, FAILURE_NO_RESPONSE, 64);

        if (other_us > longest_us)
                longest_us = other_us;
        if (sim->wire.open)
                sim->wire.deadline_us = sim->now_us + longest_us + probe_slack(sim);
}

/* `surely`: otherwise it may be, or not, so that backoffs may have been undone, or not. */
static void api_fails(struct sim *sim, enum failure failure, uint64_t since_us, bool surely)
{
        struct wire *wire = &sim->wire;

        wire->open = true;
        wire->surely = surely;
        wire->failed = 0;
        wire->refused = failure == FAILURE_REFUSED;
        wire->failure = failure;
        wire->by_check = false;
        wire->opened_us = wire->probe_failed_us = sim->now_us;
        wire->since_us = since_us;
        wire->deadline_us = sim->now_us + probe_distance(sim, failure, 0) + probe_slack(sim);

        wire->suspects = 0;
        sim->disturbances++;
        sim->opens++;
        for (size_t i = 0; i < sim->job_count; i++) {
                struct sim_job *job = &sim->jobs[i];

                job->probed = 0;
                job->undone = false;
                job->owed = false;
                job->not_before_us = 0;
                job->gone_due_calm_us = 0;
                job->gone_count = 0;
                if (job->failed_us < since_us)
                        continue;
                job->broken_from_us = 0;
                if (!surely || job->reported_gone)
                        continue;
                uint64_t waited_us = sim->now_us - job->failed_us;
                if (waited_us < job->last_allowance_us) /* undone */
                        job->allowance_us -= job->last_allowance_us - waited_us;
                job->last_allowance_us = 0;
                job->undone = true;
        }
}

static void probe_failed(struct sim *sim, const struct slot *slot)
{
        struct wire *wire = &sim->wire;
        struct sim_job *job = slot->request.jobs[0];
        bool excused = slot->cause != CAUSE_JOB || job->probed < 2; /* first in one round, last in the next */

        if (slot->start_us <= wire->opened_us) /* a probe waits first */
                return;
        wire->probe_failed_us = sim->now_us;
        for (size_t i = 0; i < sim->job_count && slot->cause != CAUSE_JOB; i++)
                sim->jobs[i].probed = 0; /* the rotation may have to go round once more */
        job->probed++;
        if ((slot->failure == FAILURE_REFUSED) != wire->refused)
                wire->failed = 0;
        else
                wire->failed++;
        wire->refused = slot->failure == FAILURE_REFUSED;
        wire->failure = slot->failure;
        if (excused)
                wire->deadline_us =
                        sim->now_us + probe_distance(sim, slot->failure, wire->failed) + probe_slack(sim);
}

static bool checks_are_sure(const struct sim *sim)
{
        /* Batches whose rows lack the Status may be disabled. */
        return batches_work(sim) && sim->batch_kind != BATCH_NO_STATUS && sim->batch_kind != BATCH_RAGGED &&
               sim->wire.no_checks_until_us <= sim->now_us && sim->wire.singles_until_us <= sim->now_us;
}

static void accuse(struct sim *sim, const struct slot *slot, bool witness, bool unsure)
{
        struct wire *wire = &sim->wire;
        enum failure failure = slot->failure;
        uint64_t first_us = wire->witness_us[failure];

        switch (slot->request.kind) {
        case REQUEST_CHECK:
                if (first_us != 0 || (wire->row >= ROW && wire->row_failure == failure)) {
                        /* Made before the witness, it may have been made for another that a success has
                         * cleared. */
                        api_fails(sim, failure, first_us != 0 ? first_us : wire->row_since_us,
                                  first_us != 0 && first_us <= slot->start_us &&
                                          !wire->witness_unsure[failure]);
                        wire->by_check = true;
                } else {
                        wire->no_checks_until_us = sim->now_us + USEC_PER_HOUR;
                }
                return;
        case REQUEST_GONE_CHECK:
                wire->no_gone_checks = true;
                return;
        case REQUEST_SINGLE:
        case REQUEST_BATCH:
        case REQUEST_PAGE:
        case REQUEST_SEARCH:
        case REQUEST_DIAGNOSIS:
        case REQUEST_SIGN_IN:
                break;
        }
        if (slot->too_large)
                return;
        if (wire->row == 0 || wire->row_failure != failure) {
                wire->row = 0;
                wire->row_failure = failure;
                wire->row_since_us = sim->now_us;
        }
        wire->row++;
        if (wire->row >= ROW && !checks_are_sure(sim))
                api_fails(sim, failure, first_us != 0 ? first_us : wire->row_since_us, false);
        else if (witness && first_us == 0) {
                wire->witness_us[failure] = sim->now_us;
                wire->witness_unsure[failure] = unsure;
        } else if (witness && (failure != FAILURE_NOT_FOUND || !checks_are_sure(sim)))
                api_fails(sim, failure, first_us,
                          failure != FAILURE_NOT_FOUND && !unsure && !wire->witness_unsure[failure]);
        else if (!witness && first_us != 0 && !checks_are_sure(sim))
                api_fails(sim, failure, first_us, false);
}

/* ---- batches ---- */

static void batches_may_be_disabled(struct sim *sim)
{
        if (sim->wire.failed_batches < FAILED_BATCHES || sim->wire.suspects > 0)
                return;
        sim->wire.singles_until_us = sim->now_us + USEC_PER_HOUR;
}

static void batch_failed(struct sim *sim, const struct slot *slot)
{
        struct wire *wire = &sim->wire;
        uint32_t before = wire->run_mark++;
        bool first = wire->failed_batches++ == 0;

        wire->suspects = 0;
        for (size_t i = 0; i < slot->request.count; i++) {
                struct sim_job *job = slot->request.jobs[i];

                if (!first && job->run_mark != before)
                        continue;
                job->run_mark = wire->run_mark;
                wire->suspects++;
        }
        batches_may_be_disabled(sim);
}

static void single_read(struct sim *sim, struct sim_job *job)
{
        struct wire *wire = &sim->wire;

        if (wire->failed_batches > 0 && job->run_mark == wire->run_mark) {
                job->run_mark = 0;
                wire->suspects--;
        }
        batches_may_be_disabled(sim);
}

/* ---- jobs ---- */

/* The backoff of a job, at its longest. */
void wire_allow(struct sim *sim, struct sim_job *job, uint64_t retry_after_us)
{
        uint64_t pace_us = job->settings.max_interval_us, span_us = pace_us;

        (void)sim;
        for (unsigned i = 0; i < job->failures && span_us < 5 * USEC_PER_MIN; i++)
                span_us *= 2;
        if (span_us > 5 * USEC_PER_MIN)
                span_us = 5 * USEC_PER_MIN;
        if (span_us < pace_us)
                span_us = pace_us;
        if (retry_after_us > USEC_PER_HOUR)
                retry_after_us = USEC_PER_HOUR;
        if (span_us < retry_after_us)
                span_us = retry_after_us;
        if (job->reported_gone && span_us < USEC_PER_HOUR)
                span_us = USEC_PER_HOUR;
        job->last_allowance_us = span_us;
        job->allowance_us += span_us;
}

/* For the bound on requests for a broken job, after the first minute. */
static void count_broken(struct sim *sim, struct sim_job *job, const struct slot *slot)
{
        if (slot->cause != CAUSE_JOB)
                job->broken_from_us = 0; /* it has failed otherwise in between */
        if (slot->cause != CAUSE_JOB || slot->request.kind != REQUEST_SINGLE)
                return;
        if (job->broken_from_us == 0) {
                job->broken_from_us = sim->now_us + USEC_PER_MIN;
                job->broken_requests = 0;
        } else if (is_calm(sim) && sim->evidence && sim->now_us > job->broken_from_us) {
                job->broken_requests++;
                check_broken(sim, job);
        }
}

static void job_failed(struct sim *sim, struct sim_job *job, const struct slot *slot)
{
        bool charged = slot->request.kind != REQUEST_BATCH && slot->failure != FAILURE_UNREACHABLE &&
                       !(sim->wire.open && sim->wire.surely);

        if (job->reported_gone && slot->failure == FAILURE_NOT_FOUND &&
            slot->request.kind != REQUEST_BATCH) { /* as expected */
                job->failing = job->maybe_failing = false;
                job->failures = 0;
                job->allowance_us += slot->cause == CAUSE_MISSING ? 0 : USEC_PER_HOUR;
                job->excuses += slot->cause != CAUSE_MISSING;
                return;
        }
        job->excuses++;
        job->quick++;
        job->setbacks++;
        count_broken(sim, job, slot);
        if (slot->failure == FAILURE_NO_RESPONSE) /* it waits since the failure, not since the request */
                job->allowance_us += slot->end_us - slot->start_us;
        if (slot->failure == FAILURE_UNREACHABLE && !sim->wire.open)
                return;
        job->failing = true;
        if (!charged)
                return;
        job->failures++;
        job->failed_us = sim->now_us;
        wire_allow(sim, job, 0);
        wire_lone(sim, job, 3);
}

void wire_failed(struct sim *sim, const struct slot *slot)
{
        const struct request *request = &slot->request;
        bool witness = true, unsure = false, expected;

        sim->failures++;
        sim->failed_batches +=
                request->kind == REQUEST_BATCH && slot->cause == CAUSE_BATCH && !slot->too_large;
        sim->wire.too_large += slot->too_large && slot->cause == CAUSE_BATCH;
        if (slot->cause == CAUSE_SITE && slot->start_us >= sim->site_from_us) {
                sim->wire.site_failures++;
                if (sim->wire.site_failures <= STRAGGLERS || slot->start_us > sim->wire.probing_us)
                        sim->wire.site_failure_us = sim->now_us;
                if (sim->wire.site_failures == STRAGGLERS) {
                        sim->wire.probing_us = sim->now_us;
                        sim->wire.failed_probes = 0;
                } else if (sim->wire.site_failures > STRAGGLERS && slot->start_us > sim->wire.probing_us) {
                        sim->wire.failed_probes++;
                }
        }
        if (slot->failure == FAILURE_THROTTLED) {
                throttling_failed(sim, slot);
                return;
        }
        if (slot->failure != FAILURE_UNREACHABLE && slot->failure != FAILURE_NO_RESPONSE)
                throttling_answered(sim, slot);
        expected = slot->failure == FAILURE_NOT_FOUND && request->kind == REQUEST_SINGLE &&
                   request->jobs[0]->reported_gone;
        for (size_t i = 0; i < request->count; i++)
                witness = witness && !request->jobs[i]->failing;
        for (size_t i = 0; i < request->count; i++)
                unsure |= request->jobs[i]->maybe_failing;
        for (size_t i = 0; i < request->count && request->kind != REQUEST_CHECK; i++)
                job_failed(sim, request->jobs[i], slot);
        if (expected && sim->wire.failure != FAILURE_NOT_FOUND) {
                if (sim->wire.open) /* it answers as it should, so that is over */
                        memset(sim->wire.witness_us, 0, sizeof(sim->wire.witness_us));
                sim->wire.open = false;
                sim->wire.site_failures = 0;
        } else if (expected) {
                sim->wire.surely = false; /* the API may be well */
        }
        /* It counts as a failed batch if the breaker was closed before, and so does a check after one. */
        bool counts = !sim->wire.open && !slot->too_large && slot->failure != FAILURE_UNREACHABLE &&
                      (request->kind == REQUEST_BATCH ||
                       (request->kind == REQUEST_CHECK && sim->wire.failed_batches > 0));
        /* The breaker may have been open, and then there is no witness any more. */
        for (size_t i = 0; i < FAILURE_COUNT && expected; i++)
                sim->wire.witness_unsure[i] = true;
        if (sim->wire.open)
                probe_failed(sim, slot);
        else if (slot->failure == FAILURE_UNREACHABLE)
                api_fails(sim, slot->failure, sim->now_us, true);
        else if (!expected)
                accuse(sim, slot, witness, unsure);
        if (counts)
                batch_failed(sim, slot);
}

void wire_succeeded(struct sim *sim, const struct slot *slot)
{
        const struct request *request = &slot->request;

        throttling_answered(sim, slot);
        /* A job can be read: if that happens twice, batches, and so check requests, do not work. */
        if (request->kind == REQUEST_BATCH || request->kind == REQUEST_CHECK)
                sim->wire.false_checks = 0;
        else if (sim->wire.open && sim->wire.by_check && ++sim->wire.false_checks >= 2)
                sim->wire.no_checks_until_us = sim->now_us + USEC_PER_HOUR;
        for (size_t i = 0; i < request->count; i++)
                request->jobs[i]->undone = false;
        for (size_t i = 0; i < sim->job_count && sim->wire.open && sim->wire.surely; i++) {
                struct sim_job *job = &sim->jobs[i];

                job->owed = job->undone && !is_in_flight(sim, job);
                job->undone = false;
                job->owed_calm_us = sim->calm_us;
        }
        memset(sim->wire.witness_us, 0, sizeof(sim->wire.witness_us));
        sim->wire.open = false;
        sim->wire.row = 0;
        sim->wire.site_failures = 0;
        sim->wire.last_probe = NULL;
        if (request->kind == REQUEST_CHECK)
                return;
        for (size_t i = 0; i < request->count; i++) {
                struct sim_job *job = request->jobs[i];

                if (request->kind == REQUEST_GONE_CHECK && !slot->dropped[0]) {
                        job->failures++;
                        job->setbacks++;
                        wire_allow(sim, job, 0);
                }
                if (request->kind == REQUEST_GONE_CHECK) /* the job itself was not read */
                        continue;
                job->failing = job->maybe_failing = false;
                job->failures = 0;
                if (request->kind == REQUEST_SINGLE && job->lone_left > 0)
                        wire_lone(sim, job, job->lone_left - 1);
                if (request->kind == REQUEST_SINGLE)
                        single_read(sim, job);
        }
        if (request->kind == REQUEST_BATCH) {
                sim->wire.failed_batches = 0;
                sim->wire.suspects = 0;
        }
}

/* The job was seen as it is. */
void wire_settled(struct sim *sim, struct sim_job *job, const struct slot *slot)
{
        (void)sim;
        job->settled_us = slot->made_us;
        job->settled_calm_us = slot->calm_us;
        job->extras_before = slot->extras;
        job->disturbances_before = slot->disturbances;
        /* Its return could not be recorded; or it has failed since, while the commit was in progress. */
        if (job->reported_gone || job->answered_us > slot->end_us)
                return;
        job->allowance_us = job->last_allowance_us = 0;
        job->setbacks = 0;
}
