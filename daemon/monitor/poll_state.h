/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "monitor/budget.h"
#include "monitor/job_set.h"
#include "monitor/parts.h"
#include "monitor/request_slot.h"
#include "planning/planner.h"

/* The state of a monitor, shared by the files that implement it. Other components include monitor.h only. */
struct monitor {
        struct monitor_parts parts;
        struct job_set jobs;
        struct budget budget;
        struct request_slot slots[MAX_IN_FLIGHT];

        struct planner_request sign_in; /* the sign-in in progress */
        bool signing_in;                /* there is one */
        uint64_t renew_again_us; /* CLOCK_BOOTTIME: no early renewal before this, since the last one failed */

        sd_event_source *timer;
        sd_event_source *idle; /* calls on_idle() from the loop */

        /* Sends the requests that are due. For the files below monitor.c, which call it after a response. */
        void (*poll_due)(struct monitor *monitor);
};

/* CLOCK_BOOTTIME of this iteration of the loop, in microseconds. */
uint64_t monitor_now_us(const struct monitor *monitor);

/* The configuration of a job. */
const struct job_config *monitor_job_config(const struct monitor *monitor, const struct planner_job *job);

/* The job has had a usable response. */
void monitor_note_answered(struct monitor *monitor, const struct planner_job *job);

/* With `once` and `report`: prints a line about the job on standard output; otherwise does nothing. */
void monitor_report(const struct monitor *monitor, const struct planner_job *job, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Likewise: its Status and outcome. */
void monitor_report_record(const struct monitor *monitor, const struct planner_job *job,
                           const struct text *status, enum outcome outcome);
