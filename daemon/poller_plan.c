/* SPDX-License-Identifier: MIT */

/*
 * The part of the poller that belongs to one configuration, how it is made, and how the next one takes over
 * from it while requests are under way.
 */

#include "poller_internal.h"

#include <errno.h>
#include <stdlib.h>

#include "absence.h"
#include "base/cleanup.h"
#include "base/span.h"
#include "host/clock.h"

void plan_clear(struct plan *plan)
{
        planner_free(plan->planner);
        free(plan->settings);
        free(plan->answered);
}

int plan_make(const struct poller_parts *parts, const struct config *config, struct plan *plan)
{
        const struct planner_limits limits = {
                .governor = {
                        .min_spacing_us = config->limits.min_spacing_us,
                        .per_minute = config->limits.per_minute,
                        .per_hour = config->limits.per_hour,
                        .per_day = config->limits.per_day,
                },
                .flights_max = FLIGHTS_MAX,
                .batch_size = config->poll.batch == BATCH_AUTO ? config->poll.batch_size : 0,
                .batch_bytes = NEXUDUS_IDS_MAX,
                .probe_cap_us = config->poll.interval_us,
                .once = parts->once,
                .sends_told = true,
        };

        plan->settings = calloc(config->job_count, sizeof(*plan->settings));
        plan->answered = calloc(config->job_count, sizeof(*plan->answered));
        if (plan->settings == NULL || plan->answered == NULL)
                return -ENOMEM;
        int r = planner_new(&limits, config->status_rules, config->job_count, &plan->planner);
        if (r < 0)
                return r;

        struct planner_job *jobs = planner_jobs(plan->planner);
        for (size_t i = 0; i < config->job_count; i++) {
                const struct poll_config *poll = &config->jobs[i].poll;

                plan->settings[i] = (struct planner_settings){
                        .interval_us = poll->interval_us,
                        .max_interval_us = poll->max_interval_us,
                        .stalled_after_us = poll->stalled_after_us,
                        .result_wait_us = poll->result_wait_us,
                };
                jobs[i].id = config->jobs[i].id;
                jobs[i].settings = &plan->settings[i];
        }
        return 0;
}

void plan_take(struct poller *poller, struct plan *plan)
{
        poller->planner = plan->planner;
        poller->settings = plan->settings;
        poller->answered = plan->answered;
        *plan = (struct plan){ .planner = NULL };
}

/* ---- jobs ---- */

/* What is known of a job from before. */
int plan_recall(struct poller *poller, struct planner_job *job)
{
        struct stored_job known;

        int r = store_get_job(poller->parts.store, job->id, &known);
        if (r < 0)
                return r;
        absence_recall(poller->parts.store, job->id, &job->watch, poller_now_us(poller));
        if (r == 0)
                return 0;

        /* The state is dated by the wall clock, but spans are measured by one that nobody sets. */
        int64_t age_us = (int64_t)clock_wall_us() - (int64_t)known.changed_us;
        job->watch.memory = (struct job_memory){
                .status = known.status,
                .result = known.result,
                .updated = known.updated_on.size != UINT64_MAX ? known.updated_on.hash : 0,
                .outcome = known.outcome,
                .recorded = true,
                .result_unread = known.result_unread,
        };
        job->watch.changed_us = (int64_t)poller_now_us(poller) - (age_us > 0 ? age_us : 0);
        job->watch.stalled = known.stalled;
        job->updated = job->watch.memory.updated;
        return 0;
}

static bool has_ended(const struct planner_job *job)
{
        return job->watch.memory.recorded && outcome_is_terminal(job->watch.memory.outcome);
}

/* A job that has ended is not asked for again, unless the command line names it. */
void plan_start_job(struct poller *poller, size_t i)
{
        struct planner_job *job = &planner_jobs(poller->planner)[i];

        if (has_ended(job) && !poller->parts.config->jobs[i].from_command_line) {
                poller_report(poller, job, "has ended before (%s)",
                              outcome_to_string(job->watch.memory.outcome));
                poller->answered[i] = true;
                return;
        }
        planner_start(poller->planner, job, poller_now_us(poller), 0);
}

/* ---- another configuration ---- */

static void flight_cancel(struct flight *flight)
{
        struct poller *poller = flight->poller;

        nexudus_cancel(flight->http);
        flight_note_sent(flight);
        planner_end_flight(poller->planner, &flight->request, poller_now_us(poller));
        planner_take_again(poller->planner, &flight->request, poller_now_us(poller));
        flight_land(flight);
}

/* Turns the jobs of what is under way into those of the new planner; one that has none left is cancelled. */
static void flight_adopt(struct flight *flight, struct planner *planner)
{
        struct planner_request *request = &flight->request;
        size_t kept = 0;

        for (size_t i = 0; i < request->count; i++) {
                struct planner_job *job = planner_find_job(planner, request->jobs[i]->id);

                if (job == NULL) {
                        if (flight->rows != NULL)
                                first_sight_free(flight->rows[i].first);
                        continue;
                }
                if (flight->rows != NULL)
                        flight->rows[kept] = flight->rows[i];
                request->jobs[kept++] = job;
        }
        for (size_t i = kept; flight->rows != NULL && i < request->count; i++)
                flight->rows[i] = (struct row){ .verdict = ROW_MISSING };
        request->count = kept;
        flight->expected = 0;
}

int poller_reload(struct poller *poller, const struct config *config)
{
        CLEANUP(plan_clear) struct plan plan = { .planner = NULL };
        struct plan old = { poller->planner, poller->settings, poller->answered };

        int r = plan_make(&poller->parts, config, &plan);
        if (r < 0)
                return r;
        r = planner_adopt(plan.planner, old.planner, poller_now_us(poller));
        for (size_t i = 0; r >= 0 && i < config->job_count; i++)
                if (!planner_jobs(plan.planner)[i].adopted)
                        r = plan_recall(poller, &planner_jobs(plan.planner)[i]);
        if (r < 0)
                return r; /* the old planner has not been touched */

        plan_take(poller, &plan);
        poller->parts.config = config;
        poller->budget.planner = poller->planner;
        for (size_t i = 0; i < FLIGHTS_MAX; i++)
                if (poller->flights[i].poller != NULL) {
                        flight_adopt(&poller->flights[i], poller->planner);
                        if (poller->flights[i].request.count == 0)
                                flight_cancel(&poller->flights[i]);
                }
        for (size_t i = 0; i < config->job_count; i++)
                if (!planner_jobs(poller->planner)[i].adopted)
                        plan_start_job(poller, i);
        plan_clear(&old);
        poller_poll_due(poller);
        return 0;
}

/* The session that it was for goes, and its answer with it. */
static void sign_in_cancel(struct poller *poller)
{
        uint64_t now = poller_now_us(poller);

        poller->signing_in = false;
        planner_end_flight(poller->planner, &poller->sign_in, now);
        planner_take_again(poller->planner, &poller->sign_in, now);
}

void poller_set_api(struct poller *poller, struct nexudus *nexudus, struct session *session, bool elsewhere)
{
        for (size_t i = 0; i < FLIGHTS_MAX; i++)
                if (poller->flights[i].poller != NULL)
                        flight_cancel(&poller->flights[i]);
        if (poller->signing_in)
                sign_in_cancel(poller);
        if (elsewhere)
                planner_forget_health(poller->planner);
        poller->renew_again_us = 0;
        poller->parts.nexudus = nexudus;
        poller_watch_api(poller);
        poller->parts.session = session;
        poller_poll_due(poller);
}
