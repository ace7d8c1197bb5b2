/* SPDX-License-Identifier: MIT */
#pragma once

#include "delivery/hook.h"
#include "delivery/unit/detached.h"
#include "delivery/unit/event_files.h"
#include "delivery/unit/manager.h"

/* One attempt to start a unit, from being queued to the unit's result. */
struct unit_run;

/* What all runs share; borrowed. */
struct unit_run_context {
        sd_event *event;
        struct journal *journal;
        struct manager *manager;
        struct event_files *files;
        struct detached_units *detached;
};

/*
 * Creates a queued run. If the unit has succeeded since an earlier attempt timed out, the run is not queued
 * but ends with success, from the loop. attempt->on_end() is called as hook.h says. Returns 0, or a negative
 * errno with *ret_reason: the name of the unit is invalid, …
 */
int unit_run_new(const struct unit_run_context *context, const struct hook_attempt *attempt,
                 char **ret_reason, struct unit_run **ret_run);

/*
 * Cancels the unit's start job, if any, and frees the run without calling on_end(). A unit that is already
 * running continues, and is left to detached.h. Must not be called from on_end(). Accepts NULL, returns NULL.
 */
struct unit_run *unit_run_cancel(struct unit_run *run);

/* The name of the unit; lives as long as the run. */
const char *unit_run_unit(const struct unit_run *run);

bool unit_run_is_queued(const struct unit_run *run);

/* Starts a queued run. Returns 0, or a negative errno with *ret_reason; then it is still queued. */
int unit_run_start(struct unit_run *run, char **ret_reason);

/*
 * The connection was lost: ends the run with a failure, from the loop, unless it is queued or has succeeded.
 * Takes ownership of `reason`, which is malloc()ed or NULL.
 */
void unit_run_abort(struct unit_run *run, char *reason);

/* Like unit_run_start(), but an error becomes a failure of the run. */
void unit_run_start_or_abort(struct unit_run *run);

/* A job of some unit has ended (manager.h). May end the run. */
void unit_run_job_removed(struct unit_run *run, const char *job, const char *unit, const char *result);
