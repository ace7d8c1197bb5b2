/* SPDX-License-Identifier: MIT */

/* Access to the state of a monitor, the limits of its planner, and the report of --once. */

#include "monitor/poll_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "journal/event_message.h"
#include "nexudus/nexudus.h"
#include "util/cleanup.h"
#include "util/timer.h"

uint64_t monitor_now_us(const struct monitor *monitor)
{
        uint64_t now = 0;

        (void)sd_event_now(monitor->parts.event, CLOCK_BOOTTIME, &now);
        return now;
}

void monitor_poll_soon(struct monitor *monitor)
{
        if (monitor->stopped)
                return;
        timer_start_at(monitor->timer, 0);
}

void monitor_add_job(struct monitor *monitor, struct job *job)
{
        job_table_add(&monitor->jobs, job);
        planner_add_job(monitor->planner, &job->planning);
}

int monitor_load_job(struct monitor *monitor, struct job *job)
{
        struct store *store = state_store(monitor->parts.state);
        int r = job_load(job, store, monitor_now_us(monitor));

        if (r >= 0) {
                monitor_add_job(monitor, job);
                return 0;
        }
        if (r == -EUCLEAN) { /* the others can be watched */
                journal_print(monitor->parts.journal, LOG_ERR, "Cannot watch job %" PRIu64 ": %s.",
                              job->planning.id, store_error(store));
                r = 0;
        }
        job_free(job);
        return r;
}

void monitor_report(struct monitor *monitor, const struct job *job, const char *format, ...)
{
        va_list arguments;

        if (!monitor->parts.report)
                return;
        CLEANUP(cleanup_free) char *label = job_label(job->planning.id, job->name);
        (void)printf("%s: ", label);
        va_start(arguments, format);
        (void)vprintf(format, arguments);
        va_end(arguments);
        (void)printf("\n");
        /* Each line, so that the cause of an error is known. */
        errno = 0;
        if ((fflush(stdout) != 0 || ferror(stdout) != 0) && monitor->report_error == 0)
                monitor->report_error = errno > 0 ? -errno : -EIO;
}

/* How soon new jobs are to be found; unused without sections. */
static uint64_t discover_interval(const struct config *config)
{
        uint64_t shortest_us = USEC_NEVER;

        for (size_t i = 0; i < config->discover_count; i++)
                if (config->discovers[i].poll.interval_us < shortest_us)
                        shortest_us = config->discovers[i].poll.interval_us;
        return shortest_us;
}

static uint64_t shortest_interval(const struct config *config)
{
        uint64_t shortest_us = discover_interval(config);

        if (config->poll.interval_us < shortest_us)
                shortest_us = config->poll.interval_us;
        for (size_t i = 0; i < config->job_count; i++)
                if (config->jobs[i].poll.interval_us < shortest_us)
                        shortest_us = config->jobs[i].poll.interval_us;
        return shortest_us;
}

struct planner_limits poll_limits_of(const struct config *config, unsigned max_in_flight, bool once)
{
        return (struct planner_limits){
                .rate_limiter = {
                        .min_spacing_us = config->limits.min_spacing_us,
                        .per_minute = config->limits.per_minute,
                        .per_hour = config->limits.per_hour,
                        .per_day = config->limits.per_day,
                },
                .max_in_flight = max_in_flight,
                .batch_size = config->poll.batch == BATCH_AUTO ? config->poll.batch_size : 0,
                .batch_bytes = NEXUDUS_IDS_MAX,
                .shortest_interval_us = shortest_interval(config),
                .once = once,
                .feed = config->poll.feed == FEED_AUTO,
                .feed_jobs = config->poll.batch_size,
                .discovers = config->discover_count > 0,
                .discover_interval_us = discover_interval(config),
                .sweep_interval_us = config->poll.sweep_interval_us,
                .reports_sent = true,
        };
}
