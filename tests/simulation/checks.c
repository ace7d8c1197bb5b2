/* SPDX-License-Identifier: MIT */

/*
 * What must always be true.
 *
 * Limits: of the exact list of all requests, across restarts, no stretch of a minute, an hour or a day, and
 * no two in a row, exceed what was configured.
 *
 * News: what is told was true when the API answered, differs from what was told before, is no older than it,
 * and nothing follows an end. And a look that settles something tells what it saw. Only a ResultData that the
 * rows of this API do not show may wait for the single look that is due after max_interval. A first sight may
 * be told with its ResultData unread; one that is found later is told if UpdatedOn has moved since, and not
 * if it has not: then it was there all along.
 *
 * Waiting is measured on a calm clock, which stands while the daemon is down, asleep or paused, while the API
 * is in trouble or slow, and while the disk is full. On it, no job waits longer from one look to the next
 * than the sum of
 *
 * - max_interval: that is the pace of one that does not change;
 * - rounds x (jobs / batch_size + 2 x lone + 2) x step: at the steady pace of the tightest limit every job
 * that is due earlier goes first, once; each lone one costs a request of its own and may cut a batch in two.
 * That is one round, one more for each request of this job that failed, after which it is last in line, and
 * one if anything disturbed;
 * - closer looks x step: they go first; how many there may be is checked by itself;
 * - (kept + 1) x step of a bucket: what is kept for closer looks is filled up first;
 * - 2 s, and 35 s for each disturbance, for requests that were under way;
 *
 * where batch_size counts as 1 if batches were out of use. A change is told within that span; where rows
 * leave ResultData out, within that and max_interval more (or 8 x jobs x step, if that is longer and nothing
 * was seen to have ResultData yet); an end that is held back, after result_wait more.
 *
 * Recovery: from when the API is well and no pause is in force, it is known to be well after the longest
 * distance between probes (where credentials were refused, five minutes at least), one time-out and one wait
 * for the budget.
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

bool is_calm(const struct sim *sim)
{
        uint64_t now = sim->now_us;

        return sim->planner != NULL && sim->suspended_until_us <= now && sim->slow_until_us <= now &&
               sim->disk_full_until_us <= now && sim->pause_until_us <= now &&
               planner_breaker(sim->planner)->outage == OUTAGE_NONE;
}

/* ---- limits ---- */

#define WINDOWS 3
static const uint64_t windows_us[WINDOWS] = { USEC_PER_MIN, USEC_PER_HOUR, USEC_PER_DAY };
static const char *const window_names[WINDOWS] = { "minute", "hour", "day" };

static void count_request(struct sim *sim)
{
        struct request_times *times = &sim->times;
        const struct rate_limiter_limits *limits = &sim->limits.rate_limiter;
        const unsigned allowed[WINDOWS] = { limits->per_minute, limits->per_hour, limits->per_day };
        bool checked = sim->now_us >= sim->limits_from_us;

        if (times->count == times->room) {
                times->room = times->room * 2 + 1024;
                times->at_us = reallocarray(times->at_us, times->room, sizeof(*times->at_us));
                if (times->at_us == NULL)
                        abort();
        }
        if (checked && times->count > 0 &&
            sim->now_us - times->at_us[times->count - 1] < limits->min_spacing_us)
                sim_fail(sim, NULL, "two requests %" PRIu64 " us apart",
                         sim->now_us - times->at_us[times->count - 1]);
        times->at_us[times->count++] = sim->now_us;
        for (unsigned i = 0; i < WINDOWS; i++) {
                while (times->at_us[times->tails[i]] + windows_us[i] <= sim->now_us)
                        times->tails[i]++;
                if (checked && allowed[i] > 0 && times->count - times->tails[i] > allowed[i])
                        sim_fail(sim, NULL, "%zu requests within a %s, %u are allowed",
                                 times->count - times->tails[i], window_names[i], allowed[i]);
        }
}

void check_request(struct sim *sim, const struct planner_request *request, bool was_troubled)
{
        size_t bytes = 0;

        count_request(sim);
        sim->figures.requests++;
        sim->figures.batches += request->batch;
        sim->figures.looks += request->count;
        if (sim->now_us < sim->pause_until_us)
                sim_fail(sim, NULL, "a request %.3f s before the end of a pause that the server asked for",
                         (double)(sim->pause_until_us - sim->now_us) / 1e6);
        for (size_t i = 0; was_troubled && i < MAX_IN_FLIGHT; i++)
                if (sim->slots[i].used && sim->slots[i].request.probe)
                        sim_fail(sim, NULL, "two requests at once while the API is in trouble");
        if (was_troubled && (!request->probe || request->count != 1))
                sim_fail(sim, NULL, "the probe is no probe");
        if (!planner_batches(sim->planner))
                sim->singles_calm_us = sim->calm_us;

        for (size_t i = 0; i < request->count; i++) {
                struct sim_job *job = &sim->jobs[job_index(sim, request->jobs[i])];
                bool confirm = !request->batch && request->jobs[i]->confirm;

                if (job->told_end)
                        sim_fail(sim, job, "asked for after its end was told");
                bytes += (size_t)snprintf(NULL, 0, "%" PRIu64 ",", job->id);
                sim->closers += confirm;
                job->closers += confirm;
                job->looks += !confirm;
        }
        if (request->batch && (request->count > sim->limits.batch_size || bytes > sim->limits.batch_bytes))
                sim_fail(sim, NULL, "a batch of %zu ids in %zu bytes", request->count, bytes);
}

/* ---- bounds ---- */

struct bucket {
        uint64_t step_us, burst, kept;
};

static struct bucket bucket_of(uint64_t stretch_us, unsigned limit, unsigned share)
{
        uint64_t burst = limit / share > 0 ? limit / share : 1;

        if (limit == 0)
                return (struct bucket){ .burst = 1 };
        return (struct bucket){ stretch_us / (limit > burst ? limit - burst : 1) + 1, burst, burst / 4 };
}

/* The steady span from one request to the next, and how long what is kept takes to fill up. */
static void pace_of_budget(const struct sim *sim, uint64_t *ret_step_us, uint64_t *ret_refill_us)
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
                /* A tighter and smaller one keeps this one from ever running low, if no crash makes it seem
                 * so. */
                for (size_t j = 0; j < 4 && sim->figures.restarts <= 1; j++)
                        if (j != i && buckets[j].step_us >= buckets[i].step_us &&
                            buckets[j].burst + buckets[i].kept + 1 < buckets[i].burst)
                                matters = false;
                if (matters && (buckets[i].kept + 1) * buckets[i].step_us > refill_us)
                        refill_us = (buckets[i].kept + 1) * buckets[i].step_us;
        }
        /* The timer may fire 10 ms late; eight requests under way at a time take 700 ms each. */
        step_us += 10 * USEC_PER_MSEC;
        *ret_step_us = step_us > 110 * USEC_PER_MSEC ? step_us : 110 * USEC_PER_MSEC;
        *ret_refill_us = refill_us;
}

static uint64_t longest_gap(const struct sim *sim, const struct sim_job *job)
{
        uint64_t step_us, refill_us, batch = sim->limits.batch_size, disturbances;

        pace_of_budget(sim, &step_us, &refill_us);
        if (batch > sim->limits.batch_bytes / (job->id > UINT64_C(10000000000) ? 19 : 9))
                batch = sim->limits.batch_bytes / (job->id > UINT64_C(10000000000) ? 19 : 9);
        if (batch < 2 || sim->singles_calm_us >= job->looked_calm_us)
                batch = 1;
        disturbances = sim->disturbances - job->disturbances_before;

        uint64_t round = (sim->open_at_start + batch - 1) / batch + 2 * sim->lone_most + 2;
        return job->settings.max_interval_us + (1 + job->failures + (disturbances > 0)) * round * step_us +
               (sim->closers - job->closers_before) * step_us + refill_us + 2 * USEC_PER_SEC +
               disturbances * 35 * USEC_PER_SEC;
}

static void check_gap(struct sim *sim, const struct sim_job *job, uint64_t calm_us)
{
        uint64_t gap_us = calm_us - job->looked_calm_us, longest_us = longest_gap(sim, job);

        if (gap_us > sim->figures.longest_wait_us)
                sim->figures.longest_wait_us = gap_us;
        if (gap_us > longest_us)
                sim_fail(sim, job, "not looked at for %.3f s; the bound is %.3f s", (double)gap_us / 1e6,
                         (double)longest_us / 1e6);
}

/* ---- news ---- */

static bool same_shown(const struct shown *left, const struct shown *right)
{
        return left->status == right->status && left->result == right->result;
}

static void check_told_end(struct sim *sim, struct sim_job *job, const struct change *change,
                           const struct shown *shown)
{
        if (status_is_end(shown->status) != event_kind_is_terminal(change->kind))
                sim_fail(sim, job, "told as %s with the Status \"%s\"", event_kind_to_string(change->kind),
                         status_text(shown->status).data);
        if (!status_is_end(shown->status))
                return;
        if (shown->result == 0 && shown->version == job->truth.version &&
            sim->now_us - job->since_us < job->settings.result_wait_us)
                sim_fail(sim, job, "its end was told without waiting for its ResultData");
        job->told_end = true;
}

static void check_told_gone(struct sim *sim, struct sim_job *job)
{
        if (job->not_found_count < 3 || sim->now_us - job->first_absence_us < USEC_PER_MIN)
                sim_fail(sim, job, "told as gone after %u times not found, over %.3f s", job->not_found_count,
                         (double)(sim->now_us - job->first_absence_us) / 1e6);
        job->told_gone = job->told_end = true;
}

static void check_told_stalled(struct sim *sim, struct sim_job *job)
{
        if (job->told_stalled)
                sim_fail(sim, job, "told as stalled twice");
        if (!sim->wall_jumped && sim->now_us - job->told_us < job->settings.stalled_after_us)
                sim_fail(sim, job, "told as stalled too early");
        job->told_stalled = true;
}

/* Whether a ResultData that was unread may have come after the first sight. */
static bool is_newly_read(const struct sim_job *job, const struct shown *shown)
{
        return shown->result != 0 && shown->updated != job->told_as.updated;
}

/* A first sight that says nothing of ResultData. */
static void check_glimpse(struct sim *sim, struct sim_job *job, const struct change *change,
                          const struct shown *shown, const struct shown *truth, bool of_row)
{
        if (!of_row || job->told || change->kind != EVENT_SEEN)
                sim_fail(sim, job, "told as %s with ResultData unread", event_kind_to_string(change->kind));
        if (shown->status != truth->status || shown->result != 0 || shown->updated != truth->updated)
                sim_fail(sim, job, "told what was never so");
        job->glimpsed_calm_us = sim->calm_us;
        job->glimpsed_run = (unsigned)sim->figures.restarts;
        job->excuses++;
        sim->figures.glimpses++;
}

/* ResultData is known now, and that was no news. */
void check_read(struct sim *sim, struct sim_job *job, const struct shown *shown)
{
        if (!job->told || job->told_as.has_result)
                sim_fail(sim, job, "its ResultData was kept without being told");
        if (job->told_as.status != shown->status || is_newly_read(job, shown))
                sim_fail(sim, job, "it changed, and that was not told");
        job->told_as.result = shown->result;
        job->told_as.updated = shown->updated;
        job->told_as.version = shown->version;
        job->told_as.has_result = true;
        sim->figures.read += shown->result != 0;
}

void check_told(struct sim *sim, struct sim_job *job, const struct change *change, const struct shown *shown,
                const struct shown *truth, bool of_row)
{
        sim->figures.told++;
        if (sim->verbose)
                printf("%12.3f job %zu: %s, status %u, result %u\n",
                       (double)(sim->now_us - sim->start_us) / 1e6, (size_t)(job - sim->jobs) + 1,
                       event_kind_to_string(change->kind), shown != NULL ? shown->status : 0,
                       shown != NULL ? shown->result : 0);
        if (job->told_end)
                sim_fail(sim, job, "told as %s after its end", event_kind_to_string(change->kind));
        if (change->kind == EVENT_STALLED) {
                check_told_stalled(sim, job);
                return;
        }
        if (change->kind == EVENT_GONE) {
                check_told_gone(sim, job);
                return;
        }
        if (job->told && same_shown(&job->told_as, shown) && job->told_as.has_result)
                sim_fail(sim, job, "the same was told twice");
        if (job->told && truth->version < job->told_as.version)
                sim_fail(sim, job, "told out of order");
        if (job->told && !job->told_as.has_result && job->told_as.status == shown->status &&
            !is_newly_read(job, shown))
                sim_fail(sim, job, "told as changed, and it was so when it was first seen");
        if (!shown->has_result)
                check_glimpse(sim, job, change, shown, truth, of_row);
        else if (!same_shown(shown, truth))
                sim_fail(sim, job, "told what was never so");
        check_told_end(sim, job, change, shown);
        job->told = true;
        job->told_as = *shown;
        job->told_as.version = truth->version;
        job->told_us = sim->now_us;
        job->told_stalled = false;
}

/* Whether it is no fault that the look which has just ended has not told the truth. */
static bool may_be_silent(const struct sim *sim, const struct sim_job *job, uint64_t calm_us)
{
        bool lossy = sim->batch_kind == BATCH_EMPTY_RESULT || sim->batch_kind == BATCH_NO_RESULT ||
                     sim->batch_kind == BATCH_NO_RESULT_NOR_UPDATED || sim->batch_kind == BATCH_RAGGED;
        uint64_t times = sim->batch_kind == BATCH_RAGGED ? 6 : 1, step_us, refill_us, doubt_us;

        /* Making sure of nulls takes an eighth of the budget, if that is longer. */
        pace_of_budget(sim, &step_us, &refill_us);
        doubt_us = sim->job_count * 8 * step_us;
        if (doubt_us < job->settings.max_interval_us)
                doubt_us = job->settings.max_interval_us;
        /* What is not known of a first sight is read in its turn, which begins anew with each run at worst.
         */
        if (job->told && !job->told_as.has_result && job->told_as.status == job->truth.status &&
            !is_newly_read(job, &job->truth))
                return calm_us < job->glimpsed_calm_us + (2 + sim->figures.restarts - job->glimpsed_run) *
                                                                 (doubt_us + longest_gap(sim, job));
        if (job->not_found_count > 0 || sim->disk_full_until_us > sim->now_us)
                return true;
        if (status_is_end(job->truth.status) && job->truth.result == 0 && job->settings.result_wait_us > 0)
                return job->held_us > 0 && sim->now_us - job->held_us < job->settings.result_wait_us;
        return lossy && job->told && job->told_as.status == job->truth.status &&
               calm_us - job->since_calm_us <= times * (doubt_us + longest_gap(sim, job));
}

/* A look that settles something has ended. What counts is when the API answered, not when that arrived. */
void check_look(struct sim *sim, struct sim_job *job, const struct slot *slot)
{
        uint64_t calm_us = slot->calm_us;

        check_gap(sim, job, calm_us);
        if (job->truth.exists && calm_us > job->since_calm_us && !job->unbatchable && !job->told_end &&
            !(job->told && same_shown(&job->told_as, &job->truth)) && !may_be_silent(sim, job, calm_us))
                sim_fail(sim, job, "looked at, but what it shows (status %u, result %u) was not told",
                         job->truth.status, job->truth.result);
        job->looked_calm_us = calm_us;
        job->closers_before = slot->closers;
        job->disturbances_before = slot->disturbances;
        job->failures = 0;
}

void check_truth_ends(struct sim *sim, struct sim_job *job)
{
        if (sim->planner != NULL && !job->told_end)
                check_gap(sim, job, sim->calm_us);
}

/* ---- recovery, and the end ---- */

void check_recovery(struct sim *sim)
{
        uint64_t from_us = sim->well_since_us, longest_us, step_us, refill_us;

        if (sim->planner == NULL || planner_breaker(sim->planner)->outage == OUTAGE_NONE)
                return;
        const uint64_t ends_us[] = { sim->run_us,        sim->pause_until_us,    sim->outage_until_us,
                                     sim->slow_until_us, sim->patience_until_us, sim->suspended_until_us };
        for (size_t i = 0; i < sizeof(ends_us) / sizeof(ends_us[0]); i++)
                from_us = ends_us[i] > from_us ? ends_us[i] : from_us;
        pace_of_budget(sim, &step_us, &refill_us);
        longest_us = sim->limits.probe_cap_us;
        if (sim->refused_credentials && longest_us < 5 * USEC_PER_MIN)
                longest_us = 5 * USEC_PER_MIN;
        longest_us += 31 * USEC_PER_SEC + refill_us + step_us;
        if (sim->now_us > from_us && sim->now_us - from_us > longest_us)
                sim_fail(sim, NULL, "well again for %.3f s and not noticed; the bound is %.3f s",
                         (double)(sim->now_us - from_us) / 1e6, (double)longest_us / 1e6);
}

static void check_frugal(struct sim *sim, struct sim_job *job)
{
        const struct planner_settings *settings = &job->settings;
        uint64_t ran_us = sim->now_us - sim->start_us, ramp = 2;
        bool lossy = sim->batch_kind != BATCH_FULL || job->beats;

        for (uint64_t us = settings->interval_us; us < settings->max_interval_us; us += us / 2)
                ramp++;
        /* A job may ride along a quarter of its pace early, and the pace is up to a tenth shorter by chance.
         */
        uint64_t looks = ran_us / (settings->max_interval_us * 65 / 100 - 60 * USEC_PER_MSEC) +
                         ramp * (job->ramps + job->quick) + 3;
        uint64_t closers = job->excuses + (lossy ? ran_us / settings->max_interval_us : 0) + 3;

        if (job->looks > looks)
                sim_fail(sim, job, "looked at %u times; its pace allows %" PRIu64, job->looks, looks);
        if (job->closers > closers)
                sim_fail(sim, job, "looked at more closely %u times; there were reasons for %" PRIu64,
                         job->closers, closers);
}

void check_end(struct sim *sim)
{
        for (size_t i = 0; i < sim->job_count && !sim->failed; i++) {
                struct sim_job *job = &sim->jobs[i];

                if (!job->told_end && sim->planner != NULL)
                        check_gap(sim, job, sim->calm_us);
                check_frugal(sim, job);
        }
}
