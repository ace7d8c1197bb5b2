/* SPDX-License-Identifier: MIT */

/*
 * Connects the planner (planning/planner.h) with the event loop and the API: sends the requests that the
 * planner chooses until it has none, then sleeps until the time that the planner names or until a response
 * arrives.
 *
 *      timer, response, sent, sign-in, reload ──> monitor_poll_due() ──> requests_start() ──> response_take()
 */

#include "monitor/monitor.h"

#include <assert.h>
#include <stdlib.h>

#include "monitor/diagnosis.h"
#include "monitor/discover_created.h"
#include "monitor/discover_restart.h"
#include "monitor/feed.h"
#include "monitor/last_run.h"
#include "monitor/login.h"
#include "monitor/manual.h"
#include "monitor/outage.h"
#include "monitor/outage_events.h"
#include "monitor/poll_state.h"
#include "monitor/recent.h"
#include "monitor/requests.h"
#include "monitor/sign_in.h"
#include "planning/feed.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/timer.h"
#include "util/timespan.h"

DEFINE_CLEANUP(struct monitor, monitor_free)

/* ---- polling ---- */

static void sleep_until(struct monitor *monitor, uint64_t wake_us)
{
        if (wake_us == USEC_NEVER)
                source_stop(monitor->timer);
        else
                timer_start_at(monitor->timer, wake_us);
        if (monitor_is_idle(monitor))
                deferred_start(monitor->idle);
}

static bool may_send(const struct monitor *monitor)
{
        return monitor->parts.may_send == NULL || monitor->parts.may_send(monitor->parts.userdata);
}

/* Sends the requests that clients wait for. Returns when to call this again. */
static uint64_t send_for_clients(struct monitor *monitor, bool may_send, uint64_t now)
{
        struct planner_request request;
        uint64_t wake_us = USEC_NEVER;

        if (recent_next(monitor, may_send, now, &request, &wake_us))
                requests_start(monitor, &request);
        if (diagnosis_next(monitor, may_send, now, &request, &wake_us))
                requests_start(monitor, &request);
        return wake_us;
}

/* Sends the requests that are due and arms the timer for the next ones. */
static void monitor_poll_due(struct monitor *monitor)
{
        struct planner_request request;
        uint64_t now = monitor_now_us(monitor), wake_us = USEC_NEVER, token_wake_us = USEC_NEVER;

        if (monitor->stopped || !may_send(monitor))
                return;
        outage_abandon_if_down(monitor);
        discover_update(monitor);
        manual_update(monitor);
        uint64_t search_wake_us = send_for_clients(monitor, sign_in_is_done(monitor, &token_wake_us), now);
        while (may_send(monitor) && sign_in_is_done(monitor, &token_wake_us) &&
               planner_next(monitor->planner, now, &request, &wake_us))
                requests_start(monitor, &request);
        wake_us = time_earlier(time_earlier(wake_us, token_wake_us), search_wake_us);
        sleep_until(monitor, time_earlier(wake_us, monitor->discover.retry_us));
}

static void on_timer(void *userdata)
{
        monitor_poll_due(userdata);
}

void monitor_resume(struct monitor *monitor)
{
        monitor_poll_due(monitor);
}

static void on_idle(void *userdata)
{
        struct monitor *monitor = userdata;

        monitor->parts.on_idle(monitor->parts.userdata);
}

/* ---- callbacks of the session ---- */

void monitor_spend(struct monitor *monitor)
{
        planner_spend(monitor->planner, monitor_now_us(monitor));
}

void monitor_take_sign_in(struct monitor *monitor, const struct token_result *result)
{
        if (!monitor->signing_in)
                return; /* cancelled */
        sign_in_take_result(monitor, result);
        monitor_poll_due(monitor);
}

void monitor_count_sign_in(struct monitor *monitor, enum failure failure, uint64_t duration_us)
{
        requests_count(monitor, ENDPOINT_TOKEN, failure, duration_us);
}

/* ---- construction ---- */

static void add_event_sources(struct monitor *monitor)
{
        monitor->timer =
                timer_new(monitor->parts.event, CLOCK_BOOTTIME, 2 * USEC_PER_MSEC, on_timer, monitor);
        (void)sd_event_source_set_description(monitor->timer, "monitor-timer");
        monitor->idle = deferred_new(monitor->parts.event, on_idle, monitor);
}

void monitor_prepare(struct monitor *monitor, const struct config *config)
{
        assert(monitor->changes.config == NULL);
        job_changes_prepare(&monitor->changes, &monitor->jobs, &monitor->manual, config,
                            monitor_now_us(monitor));
}

int monitor_load(struct monitor *monitor, struct store *store)
{
        return job_changes_load(&monitor->changes, store);
}

void monitor_keep(struct monitor *monitor)
{
        job_changes_clear(&monitor->changes);
        job_requests_continue(monitor);
}

/* Watches the jobs of the configuration that was prepared. */
static void make_changes(struct monitor *monitor)
{
        assert(monitor->changes.config != NULL);
        job_changes_make(&monitor->changes, &monitor->jobs, monitor->planner, monitor_now_us(monitor));
        monitor->parts.config = monitor->changes.config;
        monitor->reloads++;
}

int monitor_new(const struct monitor_parts *parts, struct monitor **ret_monitor)
{
        CLEANUP(cleanup_monitor_free) struct monitor *monitor = memory_need(calloc(1, sizeof(*monitor)));

        monitor->parts = *parts;
        monitor->poll_due = monitor_poll_due;
        requests_attach(monitor);

        const struct planner_limits limits = poll_limits_of(parts->config, MAX_IN_FLIGHT, parts->once);
        monitor->planner = planner_new(&limits, &parts->config->status);
        int r = manual_load(monitor);
        if (r < 0)
                return r;
        monitor_prepare(monitor, parts->config);
        r = monitor_load(monitor, state_store(parts->state));
        if (r < 0)
                return r;
        make_changes(monitor);
        job_changes_clear(&monitor->changes);
        r = manual_start(monitor);
        if (r >= 0)
                r = discover_load(monitor);
        if (r < 0)
                return r;
        manual_settle(monitor);
        add_event_sources(monitor);
        monitor->failing = failing_log_new(parts->event, parts->journal);
        *ret_monitor = STEAL_POINTER(monitor);
        return 0;
}

void monitor_stop(struct monitor *monitor)
{
        monitor->stopped = true;
        requests_cancel(monitor);
        recent_stop(monitor);
        feed_save(monitor, true);
        sign_in_cancel(monitor);
        login_cancel(monitor, "the service is stopping");
        if (monitor->parts.session != NULL)
                session_stop(monitor->parts.session);
        outage_stop(monitor);
        source_stop(monitor->timer);
        source_stop(monitor->idle);
}

struct monitor *monitor_free(struct monitor *monitor)
{
        if (monitor == NULL)
                return NULL;

        assert(monitor->commits == 0 && monitor->waiting == NULL);
        requests_clear(monitor);
        recent_stop(monitor);
        outage_stop(monitor);
        failing_log_free(monitor->failing);
        job_changes_clear(&monitor->changes);
        discover_clear(monitor);
        diagnosis_clear(monitor);
        planner_free(monitor->planner);
        job_table_clear(&monitor->jobs);
        manual_jobs_clear(&monitor->manual);
        sd_event_source_disable_unref(monitor->expiry);
        sd_event_source_disable_unref(monitor->timer);
        sd_event_source_disable_unref(monitor->idle);
        free(monitor);
        return NULL;
}

/* ---- start, reload ---- */

/* Starts polling a job. An ended job is polled only if the command line names it, or someone added it then.
 */
static void start_job(struct monitor *monitor, struct job *job)
{
        if (planner_job_has_ended(&job->planning) && !job->from_command_line && !job->again) {
                monitor_report(monitor, job, "ended before (%s)",
                               outcome_to_string(job->planning.watch.memory.outcome));
                job->answered = true;
                job->planning.done = true;
                return;
        }
        planner_start_job(monitor->planner, &job->planning, monitor_now_us(monitor), 0);
}

/* What an earlier run leaves to this one. */
static void begin_run(struct monitor *monitor)
{
        struct state *state = monitor->parts.state;
        struct store *store = state_store(state);
        uint64_t now = monitor_now_us(monitor), pause_us = last_run_load_pause(store);

        if (last_run_was_recent(store))
                planner_begin_empty(monitor->planner, now);
        if (pause_us > 0)
                planner_pause(monitor->planner, now + pause_us);
        feed_resume(monitor);
        outage_events_resume(monitor);
        last_run_begin(state);
        monitor->started_us = now;
}

void monitor_start(struct monitor *monitor)
{
        const struct config *config = monitor->parts.config;

        assert(monitor->started_us == 0);
        begin_run(monitor);
        for (size_t i = 0; i < config->job_count; i++) { /* in the user's order */
                struct job *job = job_table_find(&monitor->jobs, config->jobs[i].id);

                if (job != NULL) /* it was not removed */
                        start_job(monitor, job);
        }
        for (size_t i = 0; i < monitor->jobs.count; i++)
                if (!monitor->jobs.jobs[i]->listed)
                        start_job(monitor, monitor->jobs.jobs[i]);
        outage_abandon_in_pause(monitor);
        discover_created_plan(monitor);
        sleep_until(monitor, monitor_now_us(monitor)); /* gone jobs are polled even if it is idle */
}

void monitor_reload(struct monitor *monitor)
{
        const struct config *config = monitor->changes.config;
        const struct planner_limits limits = poll_limits_of(config, MAX_IN_FLIGHT, monitor->parts.once);

        make_changes(monitor);
        discover_reload(monitor, &monitor->changes.next);
        requests_drop_removed(monitor);
        planner_set_limits(monitor->planner, &limits, &config->status, monitor_now_us(monitor));
        planner_hurry(monitor->planner, monitor_now_us(monitor));
        for (size_t i = 0; i < monitor->changes.added_count; i++) {
                monitor->changes.added[i]->planning.unwatched = true;
                start_job(monitor, monitor->changes.added[i]);
        }
        job_changes_clear(&monitor->changes);
        manual_follow_config(monitor);
        job_requests_continue(monitor);
        sleep_until(monitor, monitor_now_us(monitor));
}

void monitor_set_api(struct monitor *monitor, struct nexudus *nexudus, struct session *session,
                     bool other_server)
{
        requests_cancel(monitor);
        sign_in_cancel(monitor);
        login_cancel(monitor, "the configuration has been reloaded");
        monitor->login = (struct login){ .handler = NULL };
        if (other_server) {
                planner_reset_api(monitor->planner, monitor_now_us(monitor));
                discover_reset(monitor);
                monitor->seen = (struct diagnosis_seen){ .has_clock = false };
        }
        monitor->renew_again_us = 0;
        monitor->parts.nexudus = nexudus;
        requests_attach(monitor);
        monitor->parts.session = session;
        monitor_poll_due(monitor);
}

/* ---- status ---- */

bool monitor_is_idle(const struct monitor *monitor)
{
        const struct discover *discover = &monitor->discover;

        return planner_is_idle(monitor->planner) && monitor->commits == 0 && discover->looking_up == 0 &&
               (monitor->parts.once || discover->sections.count == 0);
}

static enum failure api_failure(const struct planner *planner, uint64_t now_us)
{
        if (planner_breaker(planner)->state != BREAKER_CLOSED)
                return planner_breaker(planner)->failure;
        return planner_throttle(planner)->pause_until_us > now_us ? FAILURE_THROTTLED : FAILURE_NONE;
}

static uint64_t retry_at(const struct planner *planner)
{
        const struct breaker *breaker = planner_breaker(planner);

        return breaker->state != BREAKER_CLOSED ? breaker->probe_us
                                                : planner_throttle(planner)->pause_until_us;
}

const struct request_counts *monitor_request_counts(const struct monitor *monitor)
{
        return &monitor->request_counts;
}

static void count_tokens(const struct monitor *monitor, struct monitor_counts *counts)
{
        const struct session *session = monitor->parts.session;

        if (session == NULL)
                return;
        session_expiry(session, &counts->token_expires_us, &counts->refresh_expires_us);
        counts->login_is_due = session_login_is_due(session);
        counts->login = counts->login_is_due ? session_login_command(session) : session_needed_login(session);
}

struct monitor_counts monitor_count(const struct monitor *monitor)
{
        struct planner *planner = monitor->planner;
        const struct rate_limiter *limiter = planner_rate_limiter(planner);
        uint64_t now = monitor_now_us(monitor);
        struct monitor_counts counts = {
                .watched = monitor->jobs.count,
                .not_found = monitor->not_found,
                .unrecorded = monitor->unrecorded,
                .search_failure = monitor->search_failure,
                .report_error = monitor->report_error,
                .failure = api_failure(planner, now),
                .blocked = monitor->outage.blocked,
                .retry_us = retry_at(planner),
                .started_us = monitor->started_us,
                .next_us = planner_next_due(planner),
                .lag_us = planner_lag_us(planner, now),
                .feed_works = planner_feed_phase(planner) == FEED_PHASE_WORKING,
                .discovery_problem = planner_discovery_problem(planner, now),
                .feed_problem = planner_feed_problem(planner, now),
                .spent_minute = rate_limiter_spent(limiter, RATE_LIMITER_MINUTE, now),
                .spent_hour = rate_limiter_spent(limiter, RATE_LIMITER_HOUR, now),
                .spent_day = rate_limiter_spent(limiter, RATE_LIMITER_DAY, now),
        };

        for (size_t i = 0; i < monitor->jobs.count; i++) {
                const struct job *job = monitor->jobs.jobs[i];
                const struct job_memory *memory = &job->planning.watch.memory;

                if (!job->answered)
                        counts.unanswered++;
                if (job->planning.failing && job->planning.failures > 0)
                        counts.failing++;
                switch (memory->recorded ? memory->outcome : OUTCOME_OPEN) {
                case OUTCOME_OPEN:
                        counts.open++;
                        break;
                case OUTCOME_SUCCESS:
                        counts.succeeded++;
                        break;
                case OUTCOME_GONE:
                        counts.gone++;
                        counts.failed++;
                        break;
                case OUTCOME_FAILURE:
                        counts.failed++;
                        break;
                }
        }
        counts.watched += monitor->discover.succeeded + monitor->discover.failed;
        counts.succeeded += monitor->discover.succeeded;
        counts.failed += monitor->discover.failed;
        counts.gone += monitor->discover.gone;
        count_tokens(monitor, &counts);
        counts.round_us = planner_round_us(planner, counts.open, now);
        return counts;
}
