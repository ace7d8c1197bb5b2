/* SPDX-License-Identifier: MIT */
#pragma once

#include "monitor/poll_state.h"

/*
 * Requests in flight, each in a slot of the monitor. Every request ends in one function of requests.c, which
 * then calls the monitor's poll_due().
 */

/* Sends a request that the planner has chosen. */
void requests_start(struct monitor *monitor, const struct planner_request *request);

/* Counts a request that has ended, but was not cancelled. */
void requests_count(struct monitor *monitor, enum endpoint endpoint, enum failure failure,
                    uint64_t duration_us);

/* Cancels all requests; their jobs are due again. */
void requests_cancel(struct monitor *monitor);

/* Cancels all requests without informing the planner, which is about to be freed. */
void requests_clear(struct monitor *monitor);

/* Jobs were removed from the planner: requests continue for their other jobs, or are cancelled. */
void requests_drop_removed(struct monitor *monitor);

/* Installs the handler for sent requests in the monitor's API client. */
void requests_attach(struct monitor *monitor);
