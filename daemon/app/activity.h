/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "state/state.h"

/*
 * That this host is the active one of several that share a state: sends the heartbeats, and knows the proof
 * (planning/proof.h).
 */
struct activity;

/* Why this host is not active any more. */
enum activity_end {
        ACTIVITY_LOST, /* it cannot be proved */
        ACTIVITY_HANDOVER,
};

/* Borrowed. The callbacks are called from the loop, and not from a function of this. */
struct activity_parts {
        sd_event *event;
        struct state *state;
        void (*on_renewed)(void *userdata); /* activity_is_proven() was false, and is true again */
        /* Once: it is false for good, for a reason, which is borrowed. */
        void (*on_end)(void *userdata, enum activity_end end, const char *reason);
        void *userdata;
};

/*
 * Sends the first heartbeat, before state_start(). Returns 0, or a negative errno: this host is not active,
 * as store_error() says.
 */
int activity_new(const struct activity_parts *parts, struct activity **ret_activity);

/*
 * Whether this host is active, as far as it can be proved now. To be called immediately before a request or
 * an attempt is started. Accepts NULL: there is only one host.
 */
bool activity_is_proven(struct activity *activity);

/* Ends the activity in favour of another host. Must not be called after activity_stop(). */
void activity_hand_over(struct activity *activity, const char *reason);

/* No more heartbeats and no callbacks. Accepts NULL. */
void activity_stop(struct activity *activity);

/* No operation of the state is in progress. Accepts NULL, returns NULL. */
struct activity *activity_free(struct activity *activity);
