/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "model/failure.h"
#include "monitor/poll_state.h"

/*
 * What is logged of the API as a whole: that it is down and why, that it is back, and that it throttles. An
 * outage is logged at once if the API is unreachable, otherwise when the first probe has failed too; again
 * while it lasts; its end after 10 s without another one.
 */

/* The failed or successful response that the planner has just been told of. */
struct outage_cause {
        enum failure failure;    /* FAILURE_NONE: a success */
        bool blocked;            /* FAILURE_REFUSED: by something in front of the API */
        bool sign_in;            /* it was a sign-in */
        bool search;             /* it was a page of the search */
        const char *explanation; /* one line */
};

/* Compares the circuit breaker with what was logged, and logs the difference. */
void outage_update(struct monitor *monitor, const struct outage_cause *cause);

/* All requests pause because of a throttled response. */
void outage_note_pause(struct monitor *monitor, const char *explanation);

/*
 * Somebody has logged in, which ends the outage that was logged because of a missing login: if one is needed
 * again, that is another one.
 */
void outage_note_login(struct monitor *monitor);

/* When an outage that has lasted `lasted_us` is logged again, counted from its beginning: each full hour. */
uint64_t outage_reminder_after(uint64_t lasted_us);

/* No line is logged any more. */
void outage_stop(struct monitor *monitor);

/* With `once`: abandons all jobs if the API asked in an earlier run to wait, and that time is not over. */
void outage_abandon_in_pause(struct monitor *monitor);

/* With `once`: abandons the jobs that are left if the API is down or throttles. */
void outage_abandon_if_down(struct monitor *monitor);
