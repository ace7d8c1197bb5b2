/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "config/config.h"
#include "delivery/attempt.h"
#include "delivery/hook_test.h"
#include "delivery/outbox_load.h"
#include "journal/journal.h"
#include "model/event.h"
#include "state/state.h"

/*
 * Delivers recorded events to the hooks that selected them: at least once, in order for one job and hook,
 * several at once. The state has all deliveries; those that are pending are in memory too, up to a number.
 */
struct outbox;

struct bus_connection;

struct outbox_parts {
        sd_event *event;
        struct state *state;
        struct journal *journal;
        struct bus_connection *bus; /* for unit hooks (bus/connection.h); opened when first needed */
        struct config *config;      /* the outbox takes a reference */
        bool once;                  /* try each due delivery once; do not wait for retries */

        /*
         * Whether an attempt may be started now; NULL: always. If not, outbox_resume() says when it may.
         */
        bool (*may_start)(void *userdata);

        /*
         * Called from the loop, possibly repeatedly, when the outbox is idle: see outbox_is_idle().
         */
        void (*on_idle)(void *userdata);
        void *userdata;
};

/*
 * The parts are borrowed. `load` is of the same configuration. Deliveries that are due are started later,
 * from the loop. Pending deliveries of hooks that are not configured stay in the state, are named in a
 * warning, and are made once the hook is configured. Returns 0, -EINVAL if a file of a url hook (a secret,
 * certificates) cannot be used, which is logged, or another negative errno.
 */
int outbox_new(const struct outbox_parts *parts, const struct outbox_load *load, struct outbox **ret_outbox);

/*
 * Replaces the configuration: its hooks get events that are selected from now on and pending deliveries.
 * Attempts in progress continue under the old one. outbox_add() must have been called for all events that
 * were recorded before `load` was read, and for no other. Returns as outbox_new() does; after an error
 * nothing has changed.
 */
int outbox_reload(struct outbox *outbox, struct config *config, const struct outbox_load *load);

/* may_start() was false, and is true again. */
void outbox_resume(struct outbox *outbox);

/* As outbox_abort(), too. Accepts NULL, returns NULL. */
struct outbox *outbox_free(struct outbox *outbox);

/*
 * Kills attempts in progress, whose deliveries remain due, and starts no more. Results that are being
 * recorded will be. To be called when the loop has ended, before the state is closed. Accepts NULL.
 */
void outbox_abort(struct outbox *outbox);

/*
 * An event was recorded with these deliveries, one for each of `hooks`. They are started later, from the
 * loop. All arguments are borrowed during the call.
 */
void outbox_add(struct outbox *outbox, const struct event *event, const char *const hooks[],
                const uint64_t delivery_ids[], size_t count);

/*
 * Starts no more attempts and ends those in progress: programs are asked to end, other attempts are
 * abandoned. on_idle() is called when all have ended and their results are recorded.
 */
void outbox_stop(struct outbox *outbox);

/*
 * Deliveries were changed in the state by someone else (outbox_changes.h), and `load` is of this
 * configuration, after the change; NULL: it could not be read. All hooks read their pending deliveries again.
 * An attempt to make one that was `dropped` goes on, and nothing follows it.
 */
void outbox_reread(struct outbox *outbox, const struct config *config, const struct outbox_load *load,
                   const uint64_t dropped[], size_t count);

/* The configuration is the present one. Valid until the loop goes on. */
const struct outbox_parts *outbox_parts(const struct outbox *outbox);

/*
 * Tries a hook with a made-up event, which is moved out: see hook_test.h. Returns 0 and the id
 * of the test, -ENOENT if no such hook is configured, -EBUSY if too many tests are running, or -EAGAIN if as
 * many attempts of the hook are in progress as may be.
 */
int outbox_start_test(struct outbox *outbox, const char *hook, struct event *event, uid_t uid,
                      uint64_t *ret_id);

/* As hook_tests_find(). */
int outbox_find_test(struct outbox *outbox, uint64_t id, struct hook_test_result *ret_result);

struct outbox_counts {
        size_t pending;   /* deliveries to configured hooks */
        size_t abandoned; /* deliveries about watched jobs to configured hooks, earlier runs included */
        bool state_error; /* results cannot be recorded, or pending deliveries cannot be read */
};

struct outbox_counts outbox_count(const struct outbox *outbox);

struct hook_counts {
        const char *hook; /* borrowed, until the configuration changes */
        struct attempt_counts attempts;
        uint64_t pending;   /* deliveries */
        uint64_t oldest_us; /* CLOCK_REALTIME of the event of the oldest of them; 0: there is none, or it was
                               not read yet */
};

/*
 * Counts for each configured hook. `ret_counts` has room for `max`, as many as the configuration has. Returns
 * their number.
 */
size_t outbox_count_hooks(const struct outbox *outbox, struct hook_counts ret_counts[], size_t max);

/* Whether an attempt to make this delivery is in progress. */
bool outbox_is_delivering(const struct outbox *outbox, uint64_t delivery_id);

/* Whether attempts are in progress whose results are not known yet. */
bool outbox_is_busy(const struct outbox *outbox);

/* Whether nothing is in progress and, unless `once` or stopped, no delivery is pending. */
bool outbox_is_idle(const struct outbox *outbox);

/*
 * The names of those of `hooks`, the hooks of a job (NULL: all), that select this event; borrowed from the
 * configuration. `ret_names` has room for config->hook_count. Returns their number.
 */
size_t outbox_select(const struct config *config, const struct string_list *hooks, const struct event *event,
                     const char *ret_names[]);
