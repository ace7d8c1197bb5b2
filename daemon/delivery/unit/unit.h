/* SPDX-License-Identifier: MIT */
#pragma once

#include "delivery/hook.h"

/* What all hooks of kind unit share: the connection to systemd and the event files. */
struct hook_bus;

/* One attempt. */
struct hook_unit;

/*
 * Removes event files left by an earlier daemon. Connects to the system bus when it is first needed, and
 * again after the connection was lost. The context's parts are borrowed. Returns 0 or -ENOMEM.
 */
int hook_bus_new(const struct hook_context *context, struct hook_bus **ret_bus);

/* All runs must have ended or been cancelled. Must not be called from an on_end(). */
struct hook_bus *hook_bus_free(struct hook_bus *bus);

int hook_unit_start(struct hook_bus *bus, const struct hook_attempt *attempt, char **ret_reason,
                    struct hook_unit **ret_run);
struct hook_unit *hook_unit_cancel(struct hook_unit *run);
