/* SPDX-License-Identifier: MIT */
#pragma once

#include "delivery/hook.h"

struct bus_connection;

/* What all hooks of kind unit share: the service manager, the event files, and the runs in progress. */
struct unit_hooks;

/* One attempt. */
struct unit_run;

/*
 * Removes event files left by an earlier daemon, those of units that still run when they have ended.
 * `connection` (bus/connection.h) and the context's parts are borrowed; the connection is made when it is
 * first needed. Returns 0 or a negative errno.
 */
int unit_hooks_new(const struct hook_context *context, struct bus_connection *connection,
                   struct unit_hooks **ret_hooks);

/*
 * All runs must have ended or been cancelled. Must not be called from an on_end(). Accepts NULL, returns
 * NULL.
 */
struct unit_hooks *unit_hooks_free(struct unit_hooks *hooks);

/*
 * Starts the unit named by hook->target (unit_name.h) when no other run for the same unit is in progress,
 * with the event's files (event_files.h) written before; they are removed when the unit has ended. Success
 * means: for a service of Type=oneshot, that its commands succeeded; for any other unit, that it is active. A
 * unit that systemd skips because of one of its conditions is a success.
 *
 * hook->timeout_us counts twice: for a unit that is busy to become inactive, and then for the start. After
 * that the attempt has failed, but the unit is not stopped. If it succeeds later, the next attempt with this
 * event reports the success and does not start it again.
 *
 * Returns 0, or a negative errno if nothing was started: invalid name, …
 */
int hook_unit_start(struct unit_hooks *hooks, const struct hook_attempt *attempt, char **ret_reason,
                    struct unit_run **ret_run);

/*
 * Ends the run without calling on_end(). A unit whose start is pending is not started any more; one that is
 * running continues, and its files stay until it has ended. Must not be called from its on_end(). Accepts
 * NULL, returns NULL.
 */
struct unit_run *hook_unit_cancel(struct unit_run *run);
