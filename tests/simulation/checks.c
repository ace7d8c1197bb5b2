/* SPDX-License-Identifier: MIT */

/*
 * Limits, and how long a job may wait.
 *
 * Limits: of the exact list of all requests, across restarts, no stretch of a minute, an hour or a day,
 * and no two in a row, exceed what was configured. The first request comes within a second of the start.
 *
 * Waiting is measured on a calm clock. It stands only while the simulated server, the machine or the
 * responses that were delivered give a reason: the daemon is down or asleep, the site fails or is slow, the
 * disk is full, a pause is in force, or the API failed and the longest distance of probes is not over
 * (wire.c). At a reduced rate it runs as much slower. On it no job that is not itself broken waits longer
 * from one poll to the next than the sum of
 *
 * - max_interval: that is the pace of one that does not change;
 * - the backoffs after its own failures, as far as they were not undone;
 * - rounds x (jobs / batch_size + 2 x lone + 2) x step: at the steady pace of the tightest limit every job
 *   that is due earlier goes first, once; each one that is read alone costs a request of its own and may cut
 *   a batch in two. That is one round, one more for each failure of this job, after which it is last in line,
 *   and one if anything disturbed. While a bucket fills for the first time, polls may use every second step;
 * - requests beyond one poll each x step, and one that was just sent: they may go first; how many there may
 *   be is checked by itself;
 * - (reserve + 1) x step of a bucket: the reserve is filled up first;
 * - 2 s for requests in flight, and 35 s if any hung;
 *
 * where batch_size counts as 1 if batches do not work in this world or may be disabled. A change is
 * reported within that span; where rows leave ResultData out, within that and max_interval more (or 8 x jobs
 * x step, if that is longer and nothing was seen to have ResultData yet); an end that is held back, after
 * result_wait more.
 *
 * Frugality: no job is requested more often than its pace and the reasons for extra requests allow.
 */

#include "sim.h"

#include <inttypes.h>
#include <stdlib.h>

void sim_fail(struct sim *sim, const struct sim_job *job, const char *format, ...)
{
        uint64_t at_s = (sim->now_us - sim->start_us) / USEC_PER_SEC;
        va_list arguments;

        if (sim->failed)
                return;
        sim->failed = true;
        printf("FAILED: seed %" PRIu64 ", after %" PRIu64 ":%02" PRIu64 ":%02" PRIu64 " (%.6f s), ",
               sim->seed, at_s / 3600, at_s / 60 % 60, at_s % 60,
               (double)(sim->now_us - sim->start_us) / 1e6);
        if (job != NULL)
                printf("job %zu of %zu: ", (size_t)(job - sim->jobs) + 1, sim->job_count);
        va_start(arguments, format);
        vprintf(format, arguments);
        va_end(arguments);
        printf("\n");
}

/* ---- the calm clock ---- */

bool is_calm(const struct sim *sim)
{
        uint64_t now = sim->now_us;

        return sim->monitor != NULL && sim->suspended_until_us <= now && sim->site == SITE_WELL &&
               sim->slow_until_us + 30 * USEC_PER_SEC <= now && sim->disk_full_until_us <= now &&
               sim->disk_slow_until_us + DISK_SLOW_US <= now && sim->wire.pause_us <= now &&
               !(sim->wire.open && now < wire_deadline(sim));
}

/* Whether there is a job by which the API can be known to be well. */
static void count_evidence(struct sim *sim)
{
        bool before = sim->evidence;

        sim->recount = sim->evidence = false;
        for (size_t i = 0; i < sim->job_count && !sim->evidence; i++)
                sim->evidence = waits_are_checked(&sim->jobs[i]);
        if (sim->evidence && !before)
                wire_evidence(sim);
}

void calm_run(struct sim *sim, uint64_t until_us)
{
        uint64_t span_us = until_us - sim->now_us;

        if (sim->recount)
                count_evidence(sim);
        feed_calm_run(sim, until_us);
        if (!is_calm(sim))
                return;
        sim->calm_us += span_us * throttling_permille(sim) / 1000;
}

/* ---- limits ---- */

#define WINDOWS 3
static const uint64_t windows_us[WINDOWS] = { USEC_PER_MIN, USEC_PER_HOUR, USEC_PER_DAY };
static const char *const window_names[WINDOWS] = { "minute", "hour", "day" };

void check_limits(struct sim *sim)
{
        struct request_times *times = &sim->times;
        const struct rate_limiter_limits *limits = &sim->limits.rate_limiter;
        const unsigned allowed[WINDOWS] = { limits->per_minute, limits->per_hour, limits->per_day };

        if (times->count == times->room) {
                times->room = times->room * 2 + 1024;
                times->at_us = reallocarray(times->at_us, times->room, sizeof(*times->at_us));
                if (times->at_us == NULL)
                        abort();
        }
        if (times->count > times->first &&
            sim->now_us - times->at_us[times->count - 1] < limits->min_spacing_us)
                sim_fail(sim, NULL, "two requests %" PRIu64 " us apart",
                         sim->now_us - times->at_us[times->count - 1]);
        times->at_us[times->count++] = sim->now_us;
        for (unsigned i = 0; i < WINDOWS; i++) {
                while (times->at_us[times->tails[i]] + windows_us[i] <= sim->now_us)
                        times->tails[i]++;
                if (allowed[i] > 0 && times->count - times->tails[i] > allowed[i])
                        sim_fail(sim, NULL, "%zu requests within a %s, %u are allowed",
                                 times->count - times->tails[i], window_names[i], allowed[i]);
        }
}

/* ---- bounds ---- */

struct bucket {
        uint64_t step_us, burst, reserve;
};

static struct bucket bucket_of(uint64_t stretch_us, unsigned limit, unsigned share)
{
        uint64_t burst = limit / share > 0 ? limit / share : 1;

        if (limit == 0)
                return (struct bucket){ .burst = 1 };
        return (struct bucket){ stretch_us / (limit > burst ? limit - burst : 1) + 1, burst, burst / 4 };
}

/* The steady span from one request to the next, and how long the reserve takes to fill up. */
void emission_of(const struct sim *sim, uint64_t *ret_step_us, uint64_t *ret_refill_us)
{
        const struct rate_limiter_limits *limits = &sim->limits.rate_limiter;
        const struct bucket buckets[] = {
                { limits->min_spacing_us + limits->min_spacing_us / 5 + 1, 1,
                  0 }, /* a fifth is for the way */
                bucket_of(USEC_PER_MIN, limits->per_minute, 6),
                bucket_of(USEC_PER_HOUR, limits->per_hour, 40),
                bucket_of(USEC_PER_DAY, limits->per_day, 100),
        };
        uint64_t step_us = 0, refill_us = 0;

        for (size_t i = 0; i < 4; i++) {
                bool matters = buckets[i].step_us > 0;

                if (buckets[i].step_us > step_us)
                        step_us = buckets[i].step_us;
                if (matters && (buckets[i].reserve + 1) * buckets[i].step_us > refill_us)
                        refill_us = (buckets[i].reserve + 1) * buckets[i].step_us;
        }
        /* The timer may fire 10 ms late; eight requests in flight at a time take 700 ms each. */
        step_us += 10 * USEC_PER_MSEC;
        *ret_step_us = step_us > 110 * USEC_PER_MSEC ? step_us : 110 * USEC_PER_MSEC;
        *ret_refill_us = refill_us;
}

/* While a bucket fills for the first time, polls may use every second step. Urgent requests use the rest. */
static bool was_filling(const struct sim *sim, uint64_t at_us, uint64_t step_us)
{
        const struct rate_limiter_limits *limits = &sim->limits.rate_limiter;
        const struct bucket buckets[] = {
                bucket_of(USEC_PER_MIN, limits->per_minute, 6),
                bucket_of(USEC_PER_HOUR, limits->per_hour, 40),
                bucket_of(USEC_PER_DAY, limits->per_day, 100),
        };

        for (size_t i = 0; i < 3; i++)
                if (buckets[i].step_us * 2 > step_us &&
                    at_us < sim->run_us + (4 * (buckets[i].burst + 1) + 2 * (sim->extras - sim->run_extras)) *
                                                  buckets[i].step_us)
                        return true;
        return false;
}

uint64_t longest_gap(const struct sim *sim, const struct sim_job *job)
{
        if (sim->account.present)
                return feed_longest_gap(sim);

        uint64_t step_us, refill_us, batch = sim->limits.batch_size, waits_us;
        uint64_t disturbed = sim->disturbances > job->disturbances_before;
        bool singles = !batches_work(sim) || sim->batch_kind == BATCH_NO_STATUS ||
                       sim->batch_kind == BATCH_RAGGED || sim->wire.singles_until_us >= job->settled_us;

        emission_of(sim, &step_us, &refill_us);
        if (was_filling(sim, job->settled_us, step_us))
                step_us *= 2;
        if (batch > sim->limits.batch_bytes / (job->id > UINT64_C(10000000000) ? 19 : 9))
                batch = sim->limits.batch_bytes / (job->id > UINT64_C(10000000000) ? 19 : 9);
        if (batch > sim->batch_most) /* halved until it fits, or below */
                batch = sim->batch_most / 2;
        /* With one in each half of a batch it is halved; with one in each quarter, once more. */
        for (size_t large = sim->large_count; large > 1; large /= 2)
                batch /= 2;
        if (batch < 2 || singles)
                batch = 1;

        uint64_t round = (sim->open_at_start + batch - 1) / batch + 2 * sim->lone_most + 2;
        waits_us = (1 + job->setbacks + disturbed) * round * step_us +
                   (sim->extras - job->extras_before + 1) * step_us + refill_us + 2 * USEC_PER_SEC;
        if (sim->hung_us >= job->settled_us && sim->hung_us > 0)
                waits_us += 35 * USEC_PER_SEC;
        return job->settings.max_interval_us + job->allowance_us + waits_us;
}

bool waits_are_checked(const struct sim_job *job)
{
        return job->fault == FAULT_NONE && job->truth.exists && !job->reported_end;
}

void check_gap(struct sim *sim, const struct sim_job *job, uint64_t calm_us)
{
        uint64_t gap_us = calm_us - job->settled_calm_us, longest_us;

        if (sim->account.present || !waits_are_checked(job) || calm_us < job->settled_calm_us)
                return;
        longest_us = longest_gap(sim, job);
        if (gap_us > longest_us)
                sim_fail(sim, job, "not polled for %.3f s; the bound is %.3f s", (double)gap_us / 1e6,
                         (double)longest_us / 1e6);
}

/* Within a second, or the distance of two requests if that is longer. */
void check_first_request(struct sim *sim)
{
        uint64_t step_us, refill_us, longest_us = USEC_PER_SEC;

        if (sim->monitor == NULL || sim->wire.requested || sim->open_at_start == 0 ||
            sim->suspended_until_us >= sim->run_us || sim->wire.pause_us > sim->run_us)
                return;
        emission_of(sim, &step_us, &refill_us);
        if (step_us > longest_us)
                longest_us = step_us;
        if (sim->now_us > sim->run_us + longest_us + 20 * USEC_PER_MSEC)
                sim_fail(sim, NULL, "no request within %.3f s of the start", (double)longest_us / 1e6);
}

/* ---- the end ---- */

static void check_frugal(struct sim *sim, struct sim_job *job)
{
        const struct planner_settings *settings = &job->settings;
        uint64_t ran_us = sim->now_us - sim->start_us, ramp = 2;
        bool lossy = sim->batch_kind != BATCH_FULL || job->beats;

        for (uint64_t us = settings->interval_us; us < settings->max_interval_us; us += us / 2)
                ramp++;
        /* A job may join a batch a quarter of its pace early, and the pace is up to a tenth shorter by
         * chance.
         */
        uint64_t polls = ran_us / (settings->max_interval_us * 65 / 100 - 60 * USEC_PER_MSEC) +
                         ran_us / USEC_PER_HOUR + ramp * (job->ramps + job->quick) + 3;
        uint64_t extras = job->excuses + (lossy ? ran_us / settings->max_interval_us : 0) + 3;

        if (!sim->account.present && job->requests > polls + extras)
                sim_fail(sim, job,
                         "requested %u times; its pace allows %" PRIu64
                         ", and there were reasons for %" PRIu64 " more",
                         job->requests, polls, extras);
}

/* Where batches never work they are tried once an hour, and after what may have hidden that. */
static void check_batches(struct sim *sim)
{
        uint64_t tries = 1 + (sim->now_us - sim->start_us) / USEC_PER_HOUR + sim->figures.starts +
                         sim->figures.outages + sim->opens;

        if (sim->failed_batches > 30 * tries)
                sim_fail(sim, NULL, "%" PRIu64 " batches failed, and %" PRIu64 " tries were due",
                         sim->failed_batches, tries);
}

void check_end(struct sim *sim)
{
        check_batches(sim);
        feed_end(sim);
        if (sim->monitor != NULL && sim->journal_behind && is_calm(sim) &&
            sim->now_us > sim->journal_down_until_us + USEC_PER_MIN && sim->disk_fail_permille == 0 &&
            sim->now_us > sim->disk_full_until_us + USEC_PER_MIN &&
            sim->now_us > sim->disk_slow_until_us + USEC_PER_MIN && sim->now_us > sim->run_us + USEC_PER_MIN)
                sim_fail(sim, NULL, "the journal is back, and what it refused was not logged");
        if (sim->checks > sim->failures + sim->figures.starts)
                sim_fail(sim, NULL, "%" PRIu64 " check requests, after %" PRIu64 " failures", sim->checks,
                         sim->failures);
        for (size_t i = 0; i < sim->job_count && !sim->failed; i++) {
                struct sim_job *job = &sim->jobs[i];

                if (sim->monitor != NULL) {
                        check_gap(sim, job, sim->calm_us);
                        check_gone_due(sim, job);
                        check_returned(sim, job);
                }
                if (job->fault != FAULT_NONE)
                        check_broken(sim, job);
                check_frugal(sim, job);
        }
}
