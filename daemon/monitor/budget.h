/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "planning/planner.h"
#include "state/state.h"

/*
 * What has been spent of the API's limits, and what pause it asked for, kept across restarts: a service that
 * is restarted in a loop must not have a fresh budget each time. It is written ahead, for several requests at
 * once, so that a crash can only make it seem larger.
 */
struct budget {
        struct state *state;
        struct planner *planner;
        unsigned covered; /* requests that what is stored still covers */
};

/*
 * Takes over what was stored, if anything. Times are CLOCK_BOOTTIME. Without a readable store it begins
 * afresh.
 */
void budget_open(struct budget *budget, struct state *state, struct planner *planner, uint64_t now_us);

/* To be called before each request. What cannot be stored (a full disk) holds up no request. */
void budget_spend(struct budget *budget, uint64_t now_us);

/* Stores it now: the API has asked for a pause, which a restart must not cut short. */
void budget_keep(struct budget *budget, uint64_t now_us);

/* Stores it exactly, at the end. */
void budget_close(struct budget *budget, uint64_t now_us);
