/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-event.h>

#include "journal/journal.h"
#include "model/event.h"
#include "state/state.h"

/*
 * Writes recorded events to the journal: each at least once, in the order of their recording. Events that the
 * journal does not take wait in the state, and all later ones with them.
 */
struct event_log;

/* The arguments are borrowed and must outlive the log. */
struct event_log *event_log_new(sd_event *event, struct state *state, struct journal *journal);

/* No operation of the state is in progress. Accepts NULL, returns NULL. */
struct event_log *event_log_free(struct event_log *log);

/*
 * Logs the events that may not have reached the journal in earlier runs, under the same event ids. To be
 * called once, before state_start(). Returns 0, -EUCLEAN if some are damaged, or another negative errno of
 * the state.
 */
int event_log_start(struct event_log *log);

/* An event was recorded. It is borrowed during the call. */
void event_log_add(struct event_log *log, const struct event *event);
