/* SPDX-License-Identifier: MIT */

/*
 * Requests during outages of the site and after them, those for broken jobs, and jobs whose record was
 * deleted.
 *
 * - During an outage: once 28 requests have failed since the site fails, with none answered, there is one
 *   request at a time, for one job, at the distances of probes, and no job twice in a row while there are
 *   others.
 * - After it: the API is requested, and found to be well, within the longest distance, one time-out and one
 *   wait for the limits.
 * - Broken jobs: after the first minute at most a quarter of the requests that a healthy job gets.
 * - Throttling: nothing is requested before the end of a pause; the throttled subject is not the first after
 *   it.
 * - Gone: within a bound; a gone job that returns is reported within about an hour.
 */

#include "sim.h"

#include <inttypes.h>

static bool is_pollable(const struct sim_job *job)
{
        return job->truth.exists && job->fault == FAULT_NONE && !job->reported_end;
}

bool is_in_flight(struct sim *sim, const struct sim_job *job)
{
        for (size_t i = 0; i < MAX_IN_FLIGHT; i++)
                for (size_t j = 0; sim->slots[i] != NULL && j < sim->slots[i]->request.count; j++)
                        if (sim->slots[i]->request.jobs[j] == job)
                                return true;
        return false;
}

static void check_probe(struct sim *sim, const struct request *request)
{
        struct wire *wire = &sim->wire;
        struct sim_job *job = request->jobs[0];
        bool refused = sim->site == SITE_REFUSED;
        uint64_t span_us = (refused ? 10 : 2) * USEC_PER_SEC;
        uint64_t longest_us = refused ? 5 * USEC_PER_MIN : sim->limits.shortest_interval_us;
        size_t others = 0;

        if (sim->site == SITE_WELL || sim->site == SITE_THROTTLED || wire->site_failures < STRAGGLERS)
                return;
        for (size_t i = 0; i < MAX_IN_FLIGHT; i++)
                if (sim->slots[i] != NULL && sim->slots[i]->request.kind == REQUEST_CHECK) {
                        wire->probing_us = sim->now_us; /* not before it is answered */
                        wire->failed_probes = 0;
                        return;
                }
        for (unsigned i = 0; i < wire->failed_probes && span_us < longest_us; i++)
                span_us *= 2;
        if (span_us > longest_us)
                span_us = longest_us;
        for (size_t i = 0; i < MAX_IN_FLIGHT; i++)
                if (sim->slots[i] != NULL && sim->slots[i]->start_us > wire->probing_us)
                        sim_fail(sim, job, "two requests at once in an outage");
        if (sim->now_us - wire->site_failure_us < span_us * 9 / 10 - 2)
                sim_fail(sim, job, "a probe %.3f s after the last, %.3f s are due",
                         (double)(sim->now_us - wire->site_failure_us) / 1e6, (double)span_us / 1e6);
        if (request->count != 1)
                sim_fail(sim, job, "a probe for %zu jobs", request->count);
        for (size_t i = 0; i < sim->job_count && others < 2; i++) /* a throttled one waits */
                others += &sim->jobs[i] != job && is_pollable(&sim->jobs[i]) && !sim->jobs[i].throttled;
        if (wire->last_probe == job && others >= 2)
                sim_fail(sim, job, "probed twice in a row; probes rotate");
        wire->last_probe = job;
}

/* 2 s after the last at least, or the shortest interval; and those that are not failing first. */
static void check_open(struct sim *sim, const struct request *request)
{
        const struct sim_job *job = request->jobs[0];
        const struct wire *wire = &sim->wire;
        uint64_t span_us = 2 * USEC_PER_SEC;

        if (!wire->open || !wire->surely || request->kind != REQUEST_SINGLE)
                return;
        if (span_us > sim->limits.shortest_interval_us)
                span_us = sim->limits.shortest_interval_us;
        /* If the planner knows that checks do not work, it may have opened before this one was answered. */
        uint64_t from_us = wire->by_check && wire->failed == 0 ? wire->since_us : wire->probe_failed_us;
        if (sim->now_us - from_us < span_us * 9 / 10 - 2)
                sim_fail(sim, job, "a probe %.3f s after the last", (double)(sim->now_us - from_us) / 1e6);
        if (!job->failing && !job->reported_gone)
                return;
        for (size_t i = 0; i < sim->job_count; i++) {
                const struct sim_job *other = &sim->jobs[i];

                if (is_pollable(other) && !other->failing && !other->throttled && !is_in_flight(sim, other))
                        sim_fail(sim, job, "probed before job %zu, which is not failing", i + 1);
        }
}

/* Another job was due for long, and is not the first. */
static void check_after_pause(struct sim *sim, const struct request *request)
{
        struct wire *wire = &sim->wire;
        uint64_t step_us, refill_us;
        uint64_t pause_us = wire->named_us > wire->unnamed_us ? wire->named_us : wire->unnamed_us;

        emission_of(sim, &step_us, &refill_us);
        if (!wire->paused || wire->open || request->kind == REQUEST_CHECK || sim->site != SITE_WELL ||
            pause_us < wire->paused_us + refill_us + 2 * step_us)
                return; /* the others may have to wait until the reserve has filled up */
        for (size_t i = 0; i < request->count; i++)
                if (request->jobs[i]->throttle_mark != wire->throttle_mark)
                        return;
        for (size_t i = 0; i < sim->job_count; i++) {
                const struct sim_job *job = &sim->jobs[i];

                if (is_pollable(job) && job->throttle_mark != wire->throttle_mark && !job->failing &&
                    job->lone_left == 0 && job->requested_us != 0 && !is_in_flight(sim, job) &&
                    job->requested_us + job->settings.max_interval_us + 31 * USEC_PER_SEC < pause_us)
                        sim_fail(sim, job, "the throttled job was the first after the pause");
        }
}

/* A row showed its end and was believed: it may be read once after that. */
static bool may_confirm_end(const struct sim_job *job, const struct request *request)
{
        return request->kind == REQUEST_SINGLE && job->read_version < job->reported_as.version;
}

void check_request(struct sim *sim, const struct request *request)
{
        const struct wire *wire = &sim->wire;
        uint64_t pause_us = wire->named_us > wire->unnamed_us ? wire->named_us : wire->unnamed_us;
        size_t bytes = 0;

        check_limits(sim);
        sim->figures.requests++;
        sim->figures.batches += request->count > 1;
        sim->figures.polls += request->count;
        if (sim->now_us < pause_us)
                sim_fail(sim, request->jobs[0], "a request %.3f s before the end of a pause",
                         (double)(pause_us - sim->now_us) / 1e6);
        for (size_t i = 0; i < request->count; i++) {
                struct sim_job *job = request->jobs[i];

                if (!feed_may_read(sim, job))
                        sim_fail(sim, job, "requested, and nothing watches it");
                if (job->reported_end && !job->reported_gone && !may_confirm_end(job, request) &&
                    !job->watched.again)
                        sim_fail(sim, job, "requested after its end was reported");
                if (sim->now_us + 50 * USEC_PER_MSEC < job->not_before_us && request->kind != REQUEST_CHECK &&
                    !wire->open)
                        sim_fail(sim, job, "requested %.3f s before its Retry-After is over",
                                 (double)(job->not_before_us - sim->now_us) / 1e6);
                bytes += (size_t)snprintf(NULL, 0, "%" PRIu64 ",", job->id);
        }
        if (request->count > 1 &&
            (request->count > sim->limits.batch_size || bytes > sim->limits.batch_bytes))
                sim_fail(sim, NULL, "a batch of %zu ids in %zu bytes", request->count, bytes);
        if (request->count > 2 * sim->batch_most + 1 && wire->too_large > 60)
                sim_fail(sim, NULL, "a batch of %zu ids, after %u that were too large", request->count,
                         wire->too_large);
        check_probe(sim, request);
        check_open(sim, request);
        check_after_pause(sim, request);
}

/* ---- recovery ---- */

static bool is_awake(const struct sim *sim)
{
        return sim->monitor != NULL && sim->suspended_until_us <= sim->now_us;
}

void check_recovery(struct sim *sim)
{
        const struct wire *wire = &sim->wire;

        if (!is_awake(sim) || !wire->open || !wire->surely || sim->site != SITE_WELL ||
            sim->now_us < wire->pause_us || sim->slow_until_us + 30 * USEC_PER_SEC > sim->now_us ||
            sim->disk_slow_until_us + DISK_SLOW_US > sim->now_us || !sim->evidence)
                return;
        if (sim->now_us > wire_deadline(sim) + 31 * USEC_PER_SEC)
                sim_fail(sim, NULL, "the API is well again and that was not noticed in time");
}

/* A job whose backoff was undone is due when the outage ends: it waits for the limits alone. */
void check_owed(struct sim *sim, const struct sim_job *job)
{
        uint64_t longest_us;

        if (!job->owed || !waits_are_checked(job) || job->throttled)
                return;
        longest_us = longest_gap(sim, job) - job->settings.max_interval_us - job->allowance_us;
        if (sim->calm_us - job->owed_calm_us > longest_us)
                sim_fail(sim, job,
                         "its backoff was undone, and it was requested after %.3f s; the bound is %.3f s",
                         (double)(sim->calm_us - job->owed_calm_us) / 1e6, (double)longest_us / 1e6);
}

/* ---- broken jobs ---- */

void check_broken(struct sim *sim, const struct sim_job *job)
{
        uint64_t interval_us = job->settings.interval_us, span_us = 4 * interval_us;

        if (span_us > 150 * USEC_PER_SEC) /* backoffs are not longer */
                span_us = 150 * USEC_PER_SEC;
        if (span_us < interval_us)
                span_us = interval_us;
        span_us = span_us * 9 / 10;
        if (job->broken_from_us == 0 || sim->now_us <= job->broken_from_us)
                return;
        uint64_t allowed = (sim->now_us - job->broken_from_us) / span_us + 5;
        if (job->broken_requests > allowed)
                sim_fail(sim, job, "broken, and requested %u times; %" PRIu64 " are allowed",
                         job->broken_requests, allowed);
}

/* ---- deleted records ---- */

void check_gone_due(struct sim *sim, const struct sim_job *job)
{
        uint64_t longest_us;

        if (sim->account.present || sim->monitor == NULL || job->gone_due_calm_us == 0 || job->truth.exists ||
            job->reported_gone || !sim->evidence)
                return;
        /* Its backoffs, as far as they lie behind, do not count. */
        longest_us = longest_gap(sim, job) - job->allowance_us + job->last_allowance_us;
        longest_us = 2 * (longest_us + 5 * USEC_PER_MIN);
        if (!batches_work(sim) || sim->wire.no_gone_checks)
                longest_us += 2 * sim->longest_max_us + 10 * USEC_PER_MIN; /* until another was read */
        if (sim->calm_us - job->gone_due_calm_us > longest_us)
                sim_fail(sim, job, "deleted, and not reported as gone for %.3f s; the bound is %.3f s",
                         (double)(sim->calm_us - job->gone_due_calm_us) / 1e6, (double)longest_us / 1e6);
}

void check_returned(struct sim *sim, const struct sim_job *job)
{
        uint64_t longest_us = USEC_PER_HOUR + longest_gap(sim, job);

        if (sim->account.present || job->returned_us == 0 || job->fault != FAULT_NONE || sim->wall_jumped ||
            job->gone_us + 6 * USEC_PER_DAY < sim->now_us)
                return;
        if (sim->calm_us - job->since_calm_us > longest_us)
                sim_fail(sim, job,
                         "it has returned, and that was not reported for %.3f s; the bound is %.3f s",
                         (double)(sim->calm_us - job->since_calm_us) / 1e6, (double)longest_us / 1e6);
}
