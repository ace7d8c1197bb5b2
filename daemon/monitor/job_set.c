/* SPDX-License-Identifier: MIT */

/*
 * The part of the poller that belongs to one configuration, how it is made, and how the next one takes over
 * from it while requests are under way.
 */

#include "monitor/request_slot.h"

#include <errno.h>
#include <stdlib.h>

#include "monitor/not_found.h"
#include "platform/clock.h"
#include "util/cleanup.h"
#include "util/timespan.h"

void plan_clear(struct plan *plan)
{
        planner_free(plan->planner);
        free(plan->settings);
        free(plan->answered);
}

int plan_make(const struct monitor_parts *parts, const struct config *config, struct plan *plan)
{
        const struct planner_limits limits = {
                .rate_limiter = {
                        .min_spacing_us = config->limits.min_spacing_us,
                        .per_minute = config->limits.per_minute,
                        .per_hour = config->limits.per_hour,
                        .per_day = config->limits.per_day,
                },
                .max_in_flight = MAX_IN_FLIGHT,
                .batch_size = config->poll.batch == BATCH_AUTO ? config->poll.batch_size : 0,
                .batch_bytes = NEXUDUS_IDS_MAX,
                .probe_cap_us = config->poll.interval_us,
                .once = parts->once,
                .reports_sent = true,
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

void plan_take(struct monitor *monitor, struct plan *plan)
{
        monitor->planner = plan->planner;
        monitor->settings = plan->settings;
        monitor->answered = plan->answered;
        *plan = (struct plan){ .planner = NULL };
}

/* ---- jobs ---- */

/* What is known of a job from before. */
int plan_recall(struct monitor *monitor, struct planner_job *job)
{
        struct stored_job known;

        int r = state_get_job(monitor->parts.state, job->id, &known);
        if (r < 0)
                return r;
        not_found_load(monitor->parts.state, job->id, &job->watch, monitor_now_us(monitor));
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
        job->watch.changed_us = (int64_t)monitor_now_us(monitor) - (age_us > 0 ? age_us : 0);
        job->watch.stalled = known.stalled;
        job->updated = job->watch.memory.updated;
        return 0;
}

static bool has_ended(const struct planner_job *job)
{
        return job->watch.memory.recorded && outcome_is_terminal(job->watch.memory.outcome);
}

/* A job that has ended is not asked for again, unless the command line names it. */
void plan_start_job(struct monitor *monitor, size_t i)
{
        struct planner_job *job = &planner_jobs(monitor->planner)[i];

        if (has_ended(job) && !monitor->parts.config->jobs[i].from_command_line) {
                monitor_report(monitor, job, "has ended before (%s)",
                               outcome_to_string(job->watch.memory.outcome));
                monitor->answered[i] = true;
                return;
        }
        planner_start(monitor->planner, job, monitor_now_us(monitor), 0);
}

/* ---- another configuration ---- */

static void slot_cancel(struct slot *slot)
{
        struct monitor *monitor = slot->monitor;

        nexudus_cancel(slot->http);
        slot_note_sent(slot);
        planner_end_request(monitor->planner, &slot->request, monitor_now_us(monitor));
        planner_requeue(monitor->planner, &slot->request, monitor_now_us(monitor));
        slot_release(slot);
}

/* Turns the jobs of what is under way into those of the new planner; one that has none left is cancelled. */
static void slot_adopt(struct slot *slot, struct planner *planner)
{
        struct planner_request *request = &slot->request;
        size_t kept = 0;

        for (size_t i = 0; i < request->count; i++) {
                struct planner_job *job = planner_find_job(planner, request->jobs[i]->id);

                if (job == NULL) {
                        if (slot->rows != NULL)
                                first_observation_free(slot->rows[i].first);
                        continue;
                }
                if (slot->rows != NULL)
                        slot->rows[kept] = slot->rows[i];
                request->jobs[kept++] = job;
        }
        for (size_t i = kept; slot->rows != NULL && i < request->count; i++)
                slot->rows[i] = (struct row){ .verdict = ROW_MISSING };
        request->count = kept;
        slot->expected = 0;
}

int monitor_reload(struct monitor *monitor, const struct config *config)
{
        CLEANUP(plan_clear) struct plan plan = { .planner = NULL };
        struct plan old = { monitor->planner, monitor->settings, monitor->answered };

        int r = plan_make(&monitor->parts, config, &plan);
        if (r < 0)
                return r;
        r = planner_adopt(plan.planner, old.planner, monitor_now_us(monitor));
        for (size_t i = 0; r >= 0 && i < config->job_count; i++)
                if (!planner_jobs(plan.planner)[i].adopted)
                        r = plan_recall(monitor, &planner_jobs(plan.planner)[i]);
        if (r < 0)
                return r; /* the old planner has not been touched */

        plan_take(monitor, &plan);
        monitor->parts.config = config;
        monitor->budget.planner = monitor->planner;
        for (size_t i = 0; i < MAX_IN_FLIGHT; i++)
                if (monitor->slots[i].monitor != NULL) {
                        slot_adopt(&monitor->slots[i], monitor->planner);
                        if (monitor->slots[i].request.count == 0)
                                slot_cancel(&monitor->slots[i]);
                }
        for (size_t i = 0; i < config->job_count; i++)
                if (!planner_jobs(monitor->planner)[i].adopted)
                        plan_start_job(monitor, i);
        plan_clear(&old);
        monitor_poll_due(monitor);
        return 0;
}

/* The session that it was for goes, and its answer with it. */
static void sign_in_cancel(struct monitor *monitor)
{
        uint64_t now = monitor_now_us(monitor);

        monitor->signing_in = false;
        planner_end_request(monitor->planner, &monitor->sign_in, now);
        planner_requeue(monitor->planner, &monitor->sign_in, now);
}

void monitor_set_api(struct monitor *monitor, struct nexudus *nexudus, struct session *session,
                     bool elsewhere)
{
        for (size_t i = 0; i < MAX_IN_FLIGHT; i++)
                if (monitor->slots[i].monitor != NULL)
                        slot_cancel(&monitor->slots[i]);
        if (monitor->signing_in)
                sign_in_cancel(monitor);
        if (elsewhere)
                planner_reset_breaker(monitor->planner);
        monitor->renew_again_us = 0;
        monitor->parts.nexudus = nexudus;
        monitor_watch_api(monitor);
        monitor->parts.session = session;
        monitor_poll_due(monitor);
}
