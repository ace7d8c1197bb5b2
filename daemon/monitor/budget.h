/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "planning/planner.h"
#include "state/state.h"

/*
 * The state of the rate limiter and the Retry-After of the API, kept across restarts: a service that is
 * restarted in a loop must not exceed the limits. It is stored ahead for several requests at once, so after
 * a crash it can only be too strict.
 */
struct budget {
        struct state *state;
        struct planner *planner;
        unsigned covered; /* requests that the stored value still covers */
};

/*
 * Restores the rate limiter from the state. If nothing readable is stored, it starts fresh. Times are
 * CLOCK_BOOTTIME. State and planner are borrowed.
 */
void budget_open(struct budget *budget, struct state *state, struct planner *planner, uint64_t now_us);

/* To be called before each request. A failure to store (a full disk) is ignored: it must not stop polling. */
void budget_spend(struct budget *budget, uint64_t now_us);

/* Stores it now: the API has sent a Retry-After, which must survive a restart. */
void budget_save(struct budget *budget, uint64_t now_us);

/* Stores the exact value at the end. Does nothing before budget_open(). */
void budget_close(struct budget *budget, uint64_t now_us);
