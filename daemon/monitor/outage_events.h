/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "monitor/poll_state.h"

/*
 * Records the events api_down, api_refused and api_ok: see planning/api_events.h. With `once` there are none;
 * if the API answers, an outage that an earlier run has left is not continued by a later one. An event that
 * cannot be recorded is recorded later, unless the outage has ended by then.
 */

/* Continues an outage of an earlier run. To be called before state_start(). */
void outage_events_resume(struct monitor *monitor);

/* After each response, a success or not, when it has been logged (outage.h). */
void outage_events_update(struct monitor *monitor, bool success);

/* Whether an event was recorded in the present outage, or in an earlier run for the same outage. */
bool outage_events_any(const struct monitor *monitor);

/* The outage is over. `lasted` is how long it has lasted, as text. */
void outage_events_note_recovered(struct monitor *monitor, const char *lasted);

/* No event is recorded any more. */
void outage_events_stop(struct monitor *monitor);
