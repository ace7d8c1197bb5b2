/* SPDX-License-Identifier: MIT */

/* Access to the state of a monitor, and the report of --once. */

#include "monitor/poll_state.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "journal/event_message.h"
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

void monitor_report_record(struct monitor *monitor, const struct job *job, const struct text *status,
                           enum outcome outcome)
{
        if (!monitor->parts.report)
                return;
        CLEANUP(cleanup_free)
        char *shown = status->data != NULL ? text_escape(status->data, status->size, 80) : NULL;
        monitor_report(monitor, job, "%s (%s)", shown != NULL ? shown : "no Status",
                       outcome_to_string(outcome));
}
