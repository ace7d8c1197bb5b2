/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "delivery/hook.h"
#include "state/store.h"

struct hook_exec;
struct hook_unit;
struct unit_hooks;
struct webhook;
struct webhook_run;

/* What all attempts of one hook share. Its owner keeps it until the last of them has ended. */
struct attempt_context {
        struct hook_context hook_context;
        struct store *state;
        const struct hook_config *hook;
        struct unit_hooks *unit_hooks; /* needed by a unit hook; borrowed */
        struct webhook *webhook;       /* needed by a url hook; freed by the owner */
        bool personal_data;            /* in the document */
        size_t *abandoned;             /* incremented for each delivery that is abandoned; borrowed */

        /*
         * An attempt has ended. With 0 its slot is free. With a negative errno its result could not be
         * recorded, and its slot stays occupied until attempt_record() succeeds. Called from the loop or from
         * attempt_start().
         */
        void (*on_done)(void *userdata, int r);

        /*
         * The attempt could not be made for want of descriptors, memory or processes. Its slot is free, and
         * the delivery remains due; it is to be tried again soon. Called instead of on_done(). Returns
         * whether to log this.
         */
        bool (*on_shortage)(void *userdata);
        void *userdata;
};

/* A slot of a hook's queue, in which one attempt after another is made. Zeroed: free. Fields are private. */
struct attempt {
        struct attempt_context *context; /* NULL: the slot is free */
        struct delivery delivery;
        struct event event;
        char *document;
        struct hook_exec *exec;
        struct webhook_run *http;
        struct hook_unit *unit;
        bool ended; /* but not recorded yet */
        bool success;
        char *reason; /* of a failure; NULL when out of memory */
        uint64_t retry_after_us;
};

/*
 * Starts an attempt in a free slot. An attempt that cannot be started counts as failed, unless that is for a
 * shortage.
 */
void attempt_start(struct attempt *attempt, struct attempt_context *context, const struct delivery *delivery);

/*
 * Records the result of an attempt that has ended, and frees its slot. Returns 0, or a negative errno if the
 * state cannot be written, and then the slot stays occupied.
 */
int attempt_record(struct attempt *attempt);

/*
 * Ends an attempt: a program is asked to end and on_done() is called when it has; otherwise the slot is freed
 * at once, without on_done(), and the delivery remains due. An attempt that has ended stays in its slot until
 * its result is recorded. Accepts a free slot.
 */
void attempt_stop(struct attempt *attempt);

/* Ends an attempt without on_done() and frees its slot. The delivery remains due. Accepts a free slot. */
void attempt_clear(struct attempt *attempt);

bool attempt_is_free(const struct attempt *attempt);

/* Whether the attempt has ended but its result is not recorded. */
bool attempt_is_unrecorded(const struct attempt *attempt);

/* The id of the delivery in an occupied slot. */
uint64_t attempt_delivery_id(const struct attempt *attempt);
