/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "delivery/attempt.h"
#include "delivery/backlog.h"
#include "delivery/outbox_load.h"
#include "state/state.h"

/* Borrowed. */
struct hook_queue_parts {
        sd_event *event;
        struct state *state;
        struct journal *journal;

        /* hook_queue_fill() is to be called, from the loop. Must call no function of the queue. */
        void (*on_wake)(void *userdata);

        /* Whether an attempt may be started now. If not, hook_queue_fill() is called when it may. */
        bool (*may_start)(void *userdata);

        /*
         * An attempt could not be made for want of descriptors, memory or processes, and is made later.
         * Returns whether to log this.
         */
        bool (*on_shortage)(void *userdata);
        void *userdata;
};

/* Attempts whose result is being recorded, without a slot. After a crash they are repeated. */
#define RECORDING_MAX 16

/* How many events are read before there is a slot for them. */
#define AHEAD_MAX 4

/*
 * The deliveries of one hook: attempts in progress, and a timer for the next one that is not due yet. Its
 * owner only reads it.
 */
struct hook_queue {
        struct hook_queue_parts parts;
        struct attempt_parts attempt_parts;
        char *name;               /* of the hook */
        struct hook_setup *setup; /* NULL: not configured */
        struct backlog backlog;
        struct attempt *attempts[HOOK_PARALLEL_MAX + AHEAD_MAX + RECORDING_MAX]; /* the oldest first */
        size_t count;
        size_t tests; /* in progress, see hook_test.h */
        struct attempt_counts counts;
        sd_event_source *timer;
        uint64_t retry_us; /* when to retry what the state refused, by clock_process_us(); 0: nothing */
        bool unreadable;   /* that is reading */
        bool read_failed;  /* which was logged */
        uint64_t pause_us; /* when a shortage may be over, by clock_process_us(); 0: there is none */
        bool stopping;
};

/* Makes a queue that has no configuration yet. */
struct hook_queue *hook_queue_new(const struct hook_queue_parts *parts, const char *name);

/* As hook_queue_abort(), too. Accepts NULL, returns NULL. */
struct hook_queue *hook_queue_free(struct hook_queue *queue);

/*
 * Sets the configuration for attempts from now on: the queue takes a reference. `load` is what the state has;
 * a queue that had no configuration reads its deliveries from there.
 */
void hook_queue_configure(struct hook_queue *queue, struct hook_setup *setup, const struct hook_load *load);

/*
 * The hook is not configured any more: no attempt starts, those in progress continue, and no delivery is held
 * in memory.
 */
void hook_queue_remove(struct hook_queue *queue);

/*
 * Deliveries of the hook were changed in the state, which has `load` now (NULL: that could not be read):
 * reads them again. Those in progress continue. Of those that were dropped nothing follows.
 */
void hook_queue_reread(struct hook_queue *queue, const struct hook_load *load, const uint64_t dropped[],
                       size_t count);

/*
 * A test of the hook, which is configured, takes one of the slots of its attempts until it has ended: returns
 * false if none is free.
 */
bool hook_queue_begin_test(struct hook_queue *queue);
void hook_queue_end_test(struct hook_queue *queue);

/* A delivery of the hook was recorded; it has the highest id so far. */
void hook_queue_add(struct hook_queue *queue, const struct delivery *delivery);

/*
 * Records results that could not be recorded before, starts deliveries that are due while slots are free,
 * reads more from the state, and sets the timer.
 */
void hook_queue_fill(struct hook_queue *queue);

/*
 * Ends attempts in progress and starts no more; on_wake() is called for each that ends later. Results that
 * could not be recorded are kept and retried.
 */
void hook_queue_stop(struct hook_queue *queue);

/* Kills attempts in progress, whose deliveries remain due, and starts no more. */
void hook_queue_abort(struct hook_queue *queue);

/* Whether attempts are in progress whose results are not known yet. */
bool hook_queue_is_busy(const struct hook_queue *queue);

/*
 * Whether something happens without further events: attempts, a reading of the state, the end of a shortage.
 * Results and deliveries that could not be recorded or read do not count.
 */
bool hook_queue_is_active(const struct hook_queue *queue);

/* Whether results of attempts cannot be recorded, or deliveries cannot be read. */
bool hook_queue_has_state_error(const struct hook_queue *queue);

/* Whether an attempt to make this delivery is in progress. */
bool hook_queue_is_delivering(const struct hook_queue *queue, uint64_t delivery_id);
