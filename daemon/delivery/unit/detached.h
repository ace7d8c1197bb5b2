/* SPDX-License-Identifier: MIT */
#pragma once

#include "delivery/hook.h"
#include "delivery/unit/manager.h"

/*
 * Units that were still running when their attempt timed out, and whose delivery will be retried. They are
 * observed until they end. If one succeeds late, the next attempt reports that instead of starting it again.
 */
struct detached_units;

enum detached_result {
        DETACHED_NONE,      /* unknown, or it failed: start it again */
        DETACHED_ACTIVE,    /* it has not ended yet */
        DETACHED_SUCCEEDED, /* it succeeded, or is active, after the timeout */
};

/* `manager` is borrowed. Returns 0 or -ENOMEM. */
int detached_units_new(struct manager *manager, struct detached_units **ret_units);

/* Accepts NULL, returns NULL. */
struct detached_units *detached_units_free(struct detached_units *units);

/* Observes the unit of an attempt that timed out. Without memory the unit is forgotten. */
void detached_units_add(struct detached_units *units, const struct hook_attempt *attempt, const char *unit,
                        const char *path, const struct unit_state *state);

/* What is known of the unit from an earlier attempt with the same hook and event; forgets it. */
enum detached_result detached_units_take(struct detached_units *units, const struct hook_attempt *attempt,
                                         const char *unit);

/* The connection was lost: forgets those that have not ended. */
void detached_units_forget_active(struct detached_units *units);
