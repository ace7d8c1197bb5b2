/* SPDX-License-Identifier: MIT */

/*
 * Invariants.
 *
 * Limits: by the list of all requests, across restarts, no window of a minute, an hour or a day and no
 * spacing of two requests exceeds what was configured.
 *
 * Events: what is reported was true when the API responded, differs from what was reported before, is no
 * older than that, and nothing follows an end. A conclusive poll reports what it observed. Only a ResultData
 * that the rows of this API omit may wait for the single poll that is due after max_interval. A first
 * observation may be reported with ResultData unread; one that is found later is reported if UpdatedOn has
 * moved since, and not otherwise: then it was there before.
 *
 * Waiting is measured on a calm clock, which stands while the daemon is down, suspended or paused, while the
 * API fails or is slow, and while the disk is full. On it, the time between two polls of a job is at most
 * the sum of
 *
 * - max_interval, the pace of an unchanged job;
 * - rounds x (jobs / batch_size + 2 x unbatchable + 2) x step:
 *   at the emission interval of the tightest limit every job that is due earlier goes first, once;
 *   each unbatchable one costs its own request and may split a batch;
 *   one round, one more for each failed request of this job, after which it is last in line, and one if
 *   there was an incident;
 * - confirmations x step: they go first; their number is checked separately;
 * - (reserve + 1) x step of a bucket: the reserve for confirmations is refilled first;
 * - 2 s, and 35 s for each incident, for requests in flight;
 *
 * where batch_size counts as 1 if batches were not in use. A change is reported within that time; where rows
 * omit ResultData, within that and max_interval more (or 8 x jobs x step, if that is longer and no
 * ResultData was observed yet); an end that is held back, after result_wait more.
 *
 * Recovery: from when the API works and no pause is in force, the circuit breaker closes within the longest
 * time between probes (at least five minutes if credentials were refused), one time-out and one wait for the
 * rate limiter.
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

        if (times->count == times->capacity) {
                times->capacity = times->capacity * 2 + 1024;
                times->at_us = reallocarray(times->at_us, times->capacity, sizeof(*times->at_us));
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

void check_request(struct sim *sim, const struct planner_request *request, bool was_in_outage)
{
        size_t bytes = 0;

        count_request(sim);
        sim->figures.requests++;
        sim->figures.batches += request->batch;
        sim->figures.polls += request->count;
        if (sim->now_us < sim->pause_until_us)
                sim_fail(sim, NULL, "a request %.3f s before the end of a pause that the server asked for",
                         (double)(sim->pause_until_us - sim->now_us) / 1e6);
        for (size_t i = 0; was_in_outage && i < MAX_IN_FLIGHT; i++)
                if (sim->slots[i].used && sim->slots[i].request.probe)
                        sim_fail(sim, NULL, "two requests at once during an outage");
        if (was_in_outage && (!request->probe || request->count != 1))
                sim_fail(sim, NULL, "a request during an outage is not a single probe");
        if (!planner_batches(sim->planner))
                sim->singles_calm_us = sim->calm_us;

        for (size_t i = 0; i < request->count; i++) {
                struct sim_job *job = &sim->jobs[job_index(sim, request->jobs[i])];
                bool confirm = !request->batch && request->jobs[i]->confirm;

                if (job->reported_end)
                        sim_fail(sim, job, "polled after its end was reported");
                bytes += (size_t)snprintf(NULL, 0, "%" PRIu64 ",", job->id);
                sim->confirms += confirm;
                job->confirms += confirm;
                job->polls += !confirm;
        }
        if (request->batch && (request->count > sim->limits.batch_size || bytes > sim->limits.batch_bytes))
                sim_fail(sim, NULL, "a batch of %zu ids in %zu bytes", request->count, bytes);
}

/* ---- bounds ---- */

struct bucket {
        uint64_t step_us, burst, reserve;
};

static struct bucket bucket_of(uint64_t window_us, unsigned limit, unsigned share)
{
        uint64_t burst = limit / share > 0 ? limit / share : 1;

        if (limit == 0)
                return (struct bucket){ .burst = 1 };
        return (struct bucket){ window_us / (limit > burst ? limit - burst : 1) + 1, burst, burst / 4 };
}

/* The emission interval, and the time to refill the reserve. */
static void rate_of_limits(const struct sim *sim, uint64_t *ret_step_us, uint64_t *ret_refill_us)
{
        const struct rate_limiter_limits *limits = &sim->limits.rate_limiter;
        const struct bucket buckets[] = {
                { limits->min_spacing_us + limits->min_spacing_us / 5 + 1, 1,
                  0 }, /* a fifth for network delays */
                bucket_of(USEC_PER_MIN, limits->per_minute, 6),
                bucket_of(USEC_PER_HOUR, limits->per_hour, 40),
                bucket_of(USEC_PER_DAY, limits->per_day, 100),
        };
        uint64_t step_us = 0, refill_us = 0;

        for (size_t i = 0; i < 4; i++) {
                bool matters = buckets[i].step_us > 0;

                if (buckets[i].step_us > step_us)
                        step_us = buckets[i].step_us;
                /*
                 * A tighter and smaller bucket keeps this one from running low, unless a crash makes it seem
                 * so.
                 */
                for (size_t j = 0; j < 4 && sim->figures.restarts <= 1; j++)
                        if (j != i && buckets[j].step_us >= buckets[i].step_us &&
                            buckets[j].burst + buckets[i].reserve + 1 < buckets[i].burst)
                                matters = false;
                if (matters && (buckets[i].reserve + 1) * buckets[i].step_us > refill_us)
                        refill_us = (buckets[i].reserve + 1) * buckets[i].step_us;
        }
        /* The timer may fire 10 ms late, and eight requests in flight take up to 700 ms each. */
        step_us += 10 * USEC_PER_MSEC;
        *ret_step_us = step_us > 110 * USEC_PER_MSEC ? step_us : 110 * USEC_PER_MSEC;
        *ret_refill_us = refill_us;
}

static uint64_t longest_gap(const struct sim *sim, const struct sim_job *job)
{
        uint64_t step_us, refill_us, batch = sim->limits.batch_size, disturbances;

        rate_of_limits(sim, &step_us, &refill_us);
        if (batch > sim->limits.batch_bytes / (job->id > UINT64_C(10000000000) ? 19 : 9))
                batch = sim->limits.batch_bytes / (job->id > UINT64_C(10000000000) ? 19 : 9);
        if (batch < 2 || sim->singles_calm_us >= job->polled_calm_us)
                batch = 1;
        disturbances = sim->disturbances - job->disturbances_before;

        uint64_t round = (sim->open_at_start + batch - 1) / batch + 2 * sim->unbatchable_most + 2;
        return job->settings.max_interval_us + (1 + job->failures + (disturbances > 0)) * round * step_us +
               (sim->confirms - job->confirms_before) * step_us + refill_us + 2 * USEC_PER_SEC +
               disturbances * 35 * USEC_PER_SEC;
}

static void check_gap(struct sim *sim, const struct sim_job *job, uint64_t calm_us)
{
        uint64_t gap_us = calm_us - job->polled_calm_us, longest_us = longest_gap(sim, job);

        if (gap_us > sim->figures.longest_wait_us)
                sim->figures.longest_wait_us = gap_us;
        if (gap_us > longest_us)
                sim_fail(sim, job, "not polled for %.3f s; the bound is %.3f s", (double)gap_us / 1e6,
                         (double)longest_us / 1e6);
}

/* ---- events ---- */

static bool same_shown(const struct shown *left, const struct shown *right)
{
        return left->status == right->status && left->result == right->result;
}

static void check_reported_end(struct sim *sim, struct sim_job *job, const struct change *change,
                               const struct shown *shown)
{
        if (status_is_end(shown->status) != event_kind_is_terminal(change->kind))
                sim_fail(sim, job, "reported as %s with the Status \"%s\"",
                         event_kind_to_string(change->kind), status_text(shown->status).data);
        if (!status_is_end(shown->status))
                return;
        if (shown->result == 0 && shown->version == job->truth.version &&
            sim->now_us - job->since_us < job->settings.result_wait_us)
                sim_fail(sim, job, "its end was reported without waiting for its ResultData");
        job->reported_end = true;
}

static void check_reported_gone(struct sim *sim, struct sim_job *job)
{
        if (job->not_found_count < 3 || sim->now_us - job->not_found_from_us < USEC_PER_MIN)
                sim_fail(sim, job, "reported as gone after %u not-found responses over %.3f s",
                         job->not_found_count, (double)(sim->now_us - job->not_found_from_us) / 1e6);
        job->reported_gone = job->reported_end = true;
}

static void check_reported_stalled(struct sim *sim, struct sim_job *job)
{
        if (job->reported_stalled)
                sim_fail(sim, job, "reported as stalled twice");
        if (!sim->wall_jumped && sim->now_us - job->reported_us < job->settings.stalled_after_us)
                sim_fail(sim, job, "reported as stalled too early");
        job->reported_stalled = true;
}

/* Whether a ResultData that was unread may be newer than the first observation. */
static bool is_newly_read(const struct sim_job *job, const struct shown *shown)
{
        return shown->result != 0 && shown->updated != job->reported_as.updated;
}

/* A first observation with ResultData unread. */
static void check_first_unread(struct sim *sim, struct sim_job *job, const struct change *change,
                               const struct shown *shown, const struct shown *truth, bool of_row)
{
        if (!of_row || job->reported || change->kind != EVENT_SEEN)
                sim_fail(sim, job, "reported as %s with ResultData unread",
                         event_kind_to_string(change->kind));
        if (shown->status != truth->status || shown->result != 0 || shown->updated != truth->updated)
                sim_fail(sim, job, "reported what was never true");
        job->unread_calm_us = sim->calm_us;
        job->unread_run = (unsigned)sim->figures.restarts;
        job->excuses++;
        sim->figures.unread++;
}

/* ResultData is known now, without an event. */
void check_read(struct sim *sim, struct sim_job *job, const struct shown *shown)
{
        if (!job->reported || job->reported_as.has_result)
                sim_fail(sim, job, "its ResultData was stored without an event, but was not unread");
        if (job->reported_as.status != shown->status || is_newly_read(job, shown))
                sim_fail(sim, job, "it changed, and that was not reported");
        job->reported_as.result = shown->result;
        job->reported_as.updated = shown->updated;
        job->reported_as.version = shown->version;
        job->reported_as.has_result = true;
        sim->figures.read += shown->result != 0;
}

void check_reported(struct sim *sim, struct sim_job *job, const struct change *change,
                    const struct shown *shown, const struct shown *truth, bool of_row)
{
        sim->figures.reported++;
        if (sim->verbose)
                printf("%12.3f job %zu: %s, status %u, result %u\n",
                       (double)(sim->now_us - sim->start_us) / 1e6, (size_t)(job - sim->jobs) + 1,
                       event_kind_to_string(change->kind), shown != NULL ? shown->status : 0,
                       shown != NULL ? shown->result : 0);
        if (job->reported_end)
                sim_fail(sim, job, "reported as %s after its end", event_kind_to_string(change->kind));
        if (change->kind == EVENT_STALLED) {
                check_reported_stalled(sim, job);
                return;
        }
        if (change->kind == EVENT_GONE) {
                check_reported_gone(sim, job);
                return;
        }
        if (job->reported && same_shown(&job->reported_as, shown) && job->reported_as.has_result)
                sim_fail(sim, job, "the same was reported twice");
        if (job->reported && truth->version < job->reported_as.version)
                sim_fail(sim, job, "reported out of order");
        if (job->reported && !job->reported_as.has_result && job->reported_as.status == shown->status &&
            !is_newly_read(job, shown))
                sim_fail(sim, job, "reported as changed, but it was so at the first observation");
        if (!shown->has_result)
                check_first_unread(sim, job, change, shown, truth, of_row);
        else if (!same_shown(shown, truth))
                sim_fail(sim, job, "reported what was never true");
        check_reported_end(sim, job, change, shown);
        job->reported = true;
        job->reported_as = *shown;
        job->reported_as.version = truth->version;
        job->reported_us = sim->now_us;
        job->reported_stalled = false;
}

/* Whether the poll that has just ended may have reported nothing although the true state differs. */
static bool may_report_nothing(const struct sim *sim, const struct sim_job *job, uint64_t calm_us)
{
        bool lossy = sim->batch_kind == BATCH_EMPTY_RESULT || sim->batch_kind == BATCH_NO_RESULT ||
                     sim->batch_kind == BATCH_NO_RESULT_NOR_UPDATED || sim->batch_kind == BATCH_RAGGED;
        uint64_t times = sim->batch_kind == BATCH_RAGGED ? 6 : 1, step_us, refill_us, confirm_nulls_us;

        /* Confirming nulls takes an eighth of the rate limits, if that is longer. */
        rate_of_limits(sim, &step_us, &refill_us);
        confirm_nulls_us = sim->job_count * 8 * step_us;
        if (confirm_nulls_us < job->settings.max_interval_us)
                confirm_nulls_us = job->settings.max_interval_us;
        /* An unread ResultData is read in its turn, which starts anew with each run at worst. */
        if (job->reported && !job->reported_as.has_result && job->reported_as.status == job->truth.status &&
            !is_newly_read(job, &job->truth))
                return calm_us < job->unread_calm_us + (2 + sim->figures.restarts - job->unread_run) *
                                                               (confirm_nulls_us + longest_gap(sim, job));
        if (job->not_found_count > 0 || sim->disk_full_until_us > sim->now_us)
                return true;
        if (status_is_end(job->truth.status) && job->truth.result == 0 && job->settings.result_wait_us > 0)
                return job->held_us > 0 && sim->now_us - job->held_us < job->settings.result_wait_us;
        return lossy && job->reported && job->reported_as.status == job->truth.status &&
               calm_us - job->since_calm_us <= times * (confirm_nulls_us + longest_gap(sim, job));
}

/* A conclusive poll has ended. What counts is when the API responded, not when the response arrived. */
void check_poll(struct sim *sim, struct sim_job *job, const struct slot *slot)
{
        uint64_t calm_us = slot->calm_us;

        check_gap(sim, job, calm_us);
        if (job->truth.exists && calm_us > job->since_calm_us && !job->unbatchable && !job->reported_end &&
            !(job->reported && same_shown(&job->reported_as, &job->truth)) &&
            !may_report_nothing(sim, job, calm_us))
                sim_fail(sim, job, "polled, but what it shows (status %u, result %u) was not reported",
                         job->truth.status, job->truth.result);
        job->polled_calm_us = calm_us;
        job->confirms_before = slot->confirms;
        job->disturbances_before = slot->disturbances;
        job->failures = 0;
}

void check_truth_ends(struct sim *sim, struct sim_job *job)
{
        if (sim->planner != NULL && !job->reported_end)
                check_gap(sim, job, sim->calm_us);
}

/* ---- recovery, and the end ---- */

void check_recovery(struct sim *sim)
{
        uint64_t from_us = sim->working_since_us, longest_us, step_us, refill_us;

        if (sim->planner == NULL || planner_breaker(sim->planner)->outage == OUTAGE_NONE)
                return;
        const uint64_t ends_us[] = { sim->run_us,        sim->pause_until_us,     sim->outage_until_us,
                                     sim->slow_until_us, sim->throttled_until_us, sim->suspended_until_us };
        for (size_t i = 0; i < sizeof(ends_us) / sizeof(ends_us[0]); i++)
                from_us = ends_us[i] > from_us ? ends_us[i] : from_us;
        rate_of_limits(sim, &step_us, &refill_us);
        longest_us = sim->limits.probe_cap_us;
        if (sim->refused_credentials && longest_us < 5 * USEC_PER_MIN)
                longest_us = 5 * USEC_PER_MIN;
        longest_us += 31 * USEC_PER_SEC + refill_us + step_us;
        if (sim->now_us > from_us && sim->now_us - from_us > longest_us)
                sim_fail(sim, NULL, "working again for %.3f s and not noticed; the bound is %.3f s",
                         (double)(sim->now_us - from_us) / 1e6, (double)longest_us / 1e6);
}

static void check_request_count(struct sim *sim, struct sim_job *job)
{
        const struct planner_settings *settings = &job->settings;
        uint64_t ran_us = sim->now_us - sim->start_us, ramp = 2;
        bool lossy = sim->batch_kind != BATCH_FULL || job->beats;

        for (uint64_t us = settings->interval_us; us < settings->max_interval_us; us += us / 2)
                ramp++;
        /* Fill window: a quarter of the pace early; jitter: up to a tenth shorter. */
        uint64_t polls = ran_us / (settings->max_interval_us * 65 / 100 - 60 * USEC_PER_MSEC) +
                         ramp * (job->ramps + job->quick) + 3;
        uint64_t confirms = job->excuses + (lossy ? ran_us / settings->max_interval_us : 0) + 3;

        if (job->polls > polls)
                sim_fail(sim, job, "polled %u times; its pace allows %" PRIu64, job->polls, polls);
        if (job->confirms > confirms)
                sim_fail(sim, job, "confirmed %u times; there were reasons for %" PRIu64, job->confirms,
                         confirms);
}

void check_end(struct sim *sim)
{
        for (size_t i = 0; i < sim->job_count && !sim->failed; i++) {
                struct sim_job *job = &sim->jobs[i];

                if (!job->reported_end && sim->planner != NULL)
                        check_gap(sim, job, sim->calm_us);
                check_request_count(sim, job);
        }
}
