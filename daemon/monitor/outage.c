/* SPDX-License-Identifier: MIT */

/*
 * Failures of the API as a whole. They are charged to the circuit breaker (planning/breaker.h), not to a job,
 * and change the state of no job.
 */

#include "monitor/outage.h"

#include <assert.h>
#include <stdio.h>

#include "journal/message_ids.h"
#include "platform/random.h"
#include "util/timespan.h"

/* ". Retrying in 2s." and the like, with room for one timespan. */
#define NEXT_STEP_MAX (TIMESPAN_TEXT_MAX + 40)

/* How the message continues after the cause, which follows `lead`. */
static const char *next_step(const struct monitor *monitor, const char *lead, char text[static NEXT_STEP_MAX])
{
        uint64_t now = monitor_now_us(monitor), resume_us = planner_breaker(monitor->jobs.planner)->resume_us;
        char span[TIMESPAN_TEXT_MAX];

        if (monitor->parts.once)
                (void)snprintf(text, NEXT_STEP_MAX, ". Skipping the remaining jobs.");
        else
                (void)snprintf(text, NEXT_STEP_MAX, "%s %s.", lead,
                               timespan_format_rough(resume_us > now ? resume_us - now : 0, span));
        return text;
}

static void log_outage(const struct monitor *monitor, enum outage outage, bool is_new,
                       const char *explanation, const char *advice)
{
        struct journal *journal = monitor->parts.journal;
        const char *base_url = monitor->parts.config->api.base_url;
        char next[NEXT_STEP_MAX];

        is_new |= monitor->parts.once;
        switch (outage) {
        case OUTAGE_UNREACHABLE:
                journal_print_about(journal, is_new ? LOG_WARNING : LOG_DEBUG, MESSAGE_ID_API_UNREACHABLE, 0,
                                    NULL, "Cannot reach the API at %s: %s%s", base_url, explanation,
                                    next_step(monitor, ". Retrying in", next));
                break;
        case OUTAGE_THROTTLED:
                journal_print_about(journal, is_new ? LOG_WARNING : LOG_DEBUG, MESSAGE_ID_API_THROTTLED, 0,
                                    NULL, "Rate limited by the API (%s)%s", explanation,
                                    next_step(monitor, ", pausing for", next));
                break;
        case OUTAGE_UNAUTHORIZED:
                if (advice == NULL)
                        advice = ". Check the credentials and that their user has the role "
                                 "BusinessBackgroundJob-Read, then restart";
                journal_print_about(journal, is_new ? LOG_ERR : LOG_DEBUG, MESSAGE_ID_API_UNAUTHORIZED, 0,
                                    NULL, "API at %s rejected the credentials (%s)%s%s", base_url,
                                    explanation, advice, next_step(monitor, ". Retrying in", next));
                break;
        case OUTAGE_NONE:
                break;
        }
}

void outage_take_failure(struct monitor *monitor, const struct planner_request *request, enum outage outage,
                         uint64_t retry_after_us, const char *explanation, const char *advice)
{
        uint64_t now = monitor_now_us(monitor);

        assert(outage != OUTAGE_NONE);
        bool is_new = planner_take_outage(monitor->jobs.planner, request, outage, retry_after_us, now,
                                          random_u64());
        if (retry_after_us > 0)
                budget_save(&monitor->budget, now);
        log_outage(monitor, outage, is_new, explanation, advice);
        for (size_t i = 0; i < request->count; i++)
                monitor_report(monitor, request->jobs[i], "no response: %s", explanation);
}

void outage_take_success(struct monitor *monitor, const struct planner_request *request)
{
        uint64_t lasted_us;
        char lasted[TIMESPAN_TEXT_MAX];

        if (planner_take_success(monitor->jobs.planner, request, monitor_now_us(monitor), &lasted_us))
                journal_print_about(monitor->parts.journal, LOG_NOTICE, MESSAGE_ID_API_BACK, 0, NULL,
                                    "API is reachable again after %s.",
                                    timespan_format_rough(lasted_us, lasted));
}

/* ---- --once ---- */

static void on_abandoned(void *userdata, struct planner_job *job)
{
        monitor_report(userdata, job, "not polled");
}

void outage_abandon_in_pause(struct monitor *monitor)
{
        uint64_t now = monitor_now_us(monitor),
                 until_us = planner_breaker(monitor->jobs.planner)->retry_after_until_us;
        char span[TIMESPAN_TEXT_MAX];

        if (!monitor->parts.once || until_us <= now)
                return;
        journal_print_about(monitor->parts.journal, LOG_WARNING, MESSAGE_ID_API_THROTTLED, 0, NULL,
                            "The API at %s told us to wait; %s remain. Skipping this run.",
                            monitor->parts.config->api.base_url, timespan_format_rough(until_us - now, span));
        planner_abandon(monitor->jobs.planner, on_abandoned, monitor);
}

void outage_abandon_if_open(struct monitor *monitor)
{
        if (monitor->parts.once && planner_breaker(monitor->jobs.planner)->outage != OUTAGE_NONE)
                planner_abandon(monitor->jobs.planner, on_abandoned, monitor);
}
