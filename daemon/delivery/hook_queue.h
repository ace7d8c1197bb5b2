/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "config/config.h"
#include "journal/journal.h"
#include "state/store.h"

/* Attempts in progress for one hook. */
#define HOOK_CONCURRENCY 4

/* The deliveries of one hook: some slots for attempts, and a timer for the next one that is not due yet. */
struct hook_queue;

struct outputs;
struct unit_hooks;

/* Borrowed. */
struct hook_queue_parts {
        sd_event *event;
        struct store *state;
        struct journal *journal;
        struct unit_hooks *unit_hooks; /* needed by a unit hook */
        size_t *abandoned;             /* incremented for each delivery that is abandoned */
        struct outputs *outputs;       /* needed by an exec hook: exec/output.h */

        /*
         * A slot has become free or the timer has elapsed: hook_queue_fill() is to be called. Called from the
         * loop or from hook_queue_fill(); must call no function of the queue.
         */
        void (*on_change)(void *userdata);

        /*
         * An attempt could not be made for want of descriptors, memory or processes: hook_queue_fill() is to
         * be called again soon. Called from the loop or from hook_queue_fill(); must call no function of the
         * queue. Returns whether to log this.
         */
        bool (*on_shortage)(void *userdata);
        void *userdata;
};

/*
 * `hook` is part of `config`, to which the queue takes a reference. Returns 0, -EINVAL if a file of a url
 * hook cannot be used, which is logged, or another negative errno.
 */
int hook_queue_new(const struct hook_queue_parts *parts, struct config *config,
                   const struct hook_config *hook, struct hook_queue **ret_queue);

/* Kills attempts in progress; their deliveries remain due. Accepts NULL, returns NULL. */
struct hook_queue *hook_queue_free(struct hook_queue *queue);

/*
 * Records results that could not be recorded before, starts deliveries that are due while slots are free, and
 * sets the timer for the next one. `others` are the ids of deliveries of the same hook that are in progress
 * in other queues; at most HOOK_QUEUE_OTHERS_MAX are taken into account. Stops at the first attempt that
 * cannot be made, which on_shortage() reports.
 */
#define HOOK_QUEUE_OTHERS_MAX (3 * HOOK_CONCURRENCY)
void hook_queue_fill(struct hook_queue *queue, const uint64_t others[], size_t other_count);

/* The configuration of the queue is no longer in effect: no more attempts start, those in progress continue.
 */
void hook_queue_retire(struct hook_queue *queue);
bool hook_queue_is_retired(const struct hook_queue *queue);

/*
 * Ends attempts in progress and starts no more; on_change() is called for each that ends later. Results that
 * could not be recorded are kept and retried.
 */
void hook_queue_stop(struct hook_queue *queue);

/* Gives back descriptors that are only kept for the next attempt. Called from the loop, not by a callback. */
void hook_queue_close_idle(struct hook_queue *queue);

/* The name of the hook; lives as long as the queue. */
const char *hook_queue_name(const struct hook_queue *queue);

/* Whether attempts are in progress. */
bool hook_queue_is_busy(const struct hook_queue *queue);

/* Whether attempts are in progress, or have ended but could not be recorded. */
bool hook_queue_is_occupied(const struct hook_queue *queue);

/* Whether deliveries wait for their time. */
bool hook_queue_is_waiting(const struct hook_queue *queue);

/* Whether results of attempts cannot be recorded, or deliveries cannot be read. */
bool hook_queue_has_state_error(const struct hook_queue *queue);

/* Ids of the deliveries in occupied slots. Returns their number, at most HOOK_CONCURRENCY. */
size_t hook_queue_get_deliveries(const struct hook_queue *queue, uint64_t ret_ids[static HOOK_CONCURRENCY]);
