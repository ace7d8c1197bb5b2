/* SPDX-License-Identifier: MIT */
#pragma once

#include "delivery/hook.h"
#include "delivery/unit/event_files.h"
#include "delivery/unit/unit_job.h"

/*
 * Units that outlive their attempt: the attempt timed out, or ended with success while the unit is active, or
 * the daemon was started again meanwhile. Each is followed until it has ended, and then its event files are
 * released. If it succeeds after its attempt timed out, that is remembered for the next attempt.
 */
struct detached_units;

enum detached_result {
        DETACHED_NONE,      /* unknown, or it has failed: start it again */
        DETACHED_ACTIVE,    /* it has not ended yet */
        DETACHED_SUCCEEDED, /* it has succeeded, or is active, after the attempt */
};

/*
 * Adds the units whose event files an earlier daemon held; they are followed after
 * detached_units_connect(). Everything is borrowed. Returns 0 or -ENOMEM.
 */
int detached_units_new(struct manager *manager, struct event_files *files, struct detached_units **ret_units);

/* Accepts NULL, returns NULL. */
struct detached_units *detached_units_free(struct detached_units *units);

bool detached_units_are_none(const struct detached_units *units);

/*
 * Takes over `job` (NULL: it was lost, and another is made now or by detached_units_connect()) and the event
 * files of the attempt. `started`: what runs was started for this event and no other. `retried`: another
 * attempt will take it. Without memory, the files stay until the daemon is started again.
 */
void detached_units_add(struct detached_units *units, const struct hook_attempt *attempt, const char *unit,
                        struct unit_job *job, bool started, bool retried);

/*
 * What is known of the unit from an earlier attempt with the same hook and event; forgets it. *ret_job is its
 * job, which the caller owns and gives a handler, or NULL. *ret_started is as in detached_units_add(). The
 * event files are held by the attempt again, unless the unit has ended.
 */
enum detached_result detached_units_take(struct detached_units *units, const struct hook_attempt *attempt,
                                         const char *unit, struct unit_job **ret_job, bool *ret_started);

/* The manager is connected: follows those that have no job. */
void detached_units_connect(struct detached_units *units);

/* The connection was lost. Whether a unit still runs for its event is unknown from now on. */
void detached_units_disconnect(struct detached_units *units);
