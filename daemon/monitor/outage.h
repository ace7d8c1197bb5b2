/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "monitor/poll_state.h"

/*
 * A request failed in a way that concerns the whole API: opens the circuit breaker and requeues the jobs of
 * the request. The start of an outage is logged, repetitions at debug level only. `advice`, a sentence that
 * begins with ". " or nothing, follows the explanation if the credentials were rejected; NULL for the
 * default.
 */
void outage_take_failure(struct monitor *monitor, const struct planner_request *request, enum outage outage,
                         uint64_t retry_after_us, const char *explanation, const char *advice);

/* The API answered a request. Logs the end of an outage. */
void outage_take_success(struct monitor *monitor, const struct planner_request *request);

/* With `once`: if the API asked in an earlier run to wait and that time is not over, abandons all jobs. */
void outage_abandon_in_pause(struct monitor *monitor);

/* With `once`: abandons the jobs that are still scheduled if the circuit breaker is open. */
void outage_abandon_if_open(struct monitor *monitor);
