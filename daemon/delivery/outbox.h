/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "config/config.h"
#include "journal/journal.h"
#include "model/event.h"
#include "state/state.h"

/*
 * Brings recorded events to the hooks that asked for them: at least once, in order for one job and hook,
 * several at once. What is to be delivered is in the store alone; the outbox holds no more than what is under
 * way.
 */
struct outbox;

struct bus_connection;

struct outbox_parts {
        sd_event *event;
        struct state *state;
        struct journal *journal;
        struct bus_connection *bus; /* for unit hooks (bus/connection.h); connected to when needed */
        struct config *config;      /* the outbox becomes one more owner */
        bool once;                  /* try what is due, and wait for no second attempt */

        /*
         * Called from the loop, possibly repeatedly, when nothing is under way and nothing more is to be
         * waited for.
         */
        void (*on_idle)(void *userdata);
        void *userdata;
};

/* The parts are borrowed. Deliveries of hooks that are no longer configured are given up, which is logged. */
int outbox_new(const struct outbox_parts *parts, struct outbox **ret_outbox);

/*
 * Takes over another configuration: its hooks get what is recorded from now on and what waits. What is under
 * way goes on as it began. On failure (-ENOMEM) all stays as it was.
 */
int outbox_reload(struct outbox *outbox, struct config *config);

/* Kills what is under way; it will be delivered again after the next start. */
struct outbox *outbox_free(struct outbox *outbox);

/*
 * Something was recorded: what is due is started from the loop, not from within. Never fails; also the way to
 * start.
 */
void outbox_wake(struct outbox *outbox);

/* No more attempts are started; what is under way is asked to end, and on_idle() says when it has. */
void outbox_stop(struct outbox *outbox);

/* True if nothing is under way and, unless once or stopped, nothing is left to be delivered. */
bool outbox_is_idle(const struct outbox *outbox);

/*
 * The names of the hooks that want this event of this job; they are the configuration's. `ret_names` has room
 * for config->hook_count. Returns how many.
 */
size_t outbox_select(const struct config *config, const struct job_config *job, const struct event *event,
                     const char *ret_names[]);
