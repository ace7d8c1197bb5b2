/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#include "platform/worker.h"
#include "state/store.h"
#include "util/histogram.h"

/*
 * The state, from the point of view of the event loop: a store (store.h) and a thread that reads and writes
 * it, the state writer. Before state_start() the loop uses the store itself; after that only operations do.
 */
struct state;

/* The state is this store, which is taken over, unless the result is a negative errno. Nothing is read. */
int state_use(sd_event *event, struct store *store, struct state **ret_state);

/* Finds out how large the state is; after state_use() that is not known. Before state_start(). */
void state_measure(struct state *state);

/* As state_close(), but returns the store, open as it is. */
struct store *state_release(struct state *state);

/* The store, for reading and writing at once. Must not be called after state_start(). */
struct store *state_store(struct state *state);

/*
 * Starts the writer, to which the store belongs from now on. Without it, state_queue() executes operations
 * at once. Returns 0 or a negative errno.
 */
int state_start(struct state *state);

#define STATE_ERROR_MAX 256

/*
 * Something to be read or written, as part of a larger object that has the arguments and the results. The
 * owner frees it, in done() or later, and must not touch it in between.
 */
struct state_operation {
        /*
         * Called on the writer's thread. It may use the operation and the store, and nothing else. Returns 0
         * or more, or a negative errno. Operations are executed in the order of their queueing, except for
         * those with `at_once`. Neighbouring ones may share a transaction: if that cannot be committed, each
         * has its error as result.
         *
         * If the disk fails it may be called again, after nothing of the call before has been kept. It is to
         * set all results anew, and to clear those of the call before.
         */
        int (*run)(struct state_operation *operation, struct store *store);

        /*
         * Called from the loop, never from state_queue(), once what was written is on disk. `r` is the result
         * of run(), or a negative errno if nothing was written; `operation->error` describes it.
         */
        void (*done)(struct state_operation *operation, int r);

        bool only_reads;             /* it does not fail because others could not be committed */
        bool at_once;                /* it only reads what is on disk already: executed before what waits */
        char error[STATE_ERROR_MAX]; /* as store_error() */

        /* private */
        struct work work;
        struct state *state;
        struct state_marks *marks;
        int result;
};

/* Called from the loop. `run` and `done` are set. */
void state_queue(struct state *state, struct state_operation *operation);

/* Stores a value as store_put_value() does, later. Failures are ignored. NULL data deletes it. */
void state_put_value(struct state *state, const char *key, const void *data, size_t size);

/*
 * Whether the disk was full, or nearly, after the last transaction: see store_disk_is_low(). Called from the
 * loop.
 */
bool state_disk_is_low(const struct state *state);

/* The bytes of the state that are in use after the last transaction: see store_used_bytes(). Any thread. */
uint64_t state_used_bytes(const struct state *state);

/*
 * When the newest transaction that was committed had been begun, by CLOCK_BOOTTIME; 0: none. Of a store
 * that is shared this proves that this host was active then. Called from the loop.
 */
uint64_t state_proved_us(const struct state *state);

/* How long it took to write each transaction since the start. Borrowed. */
const struct histogram *state_commit_durations(const struct state *state);

/*
 * Marks an event as logged, as store_mark_logged() does, with the next operation that is queued, or when
 * there are many. A lost mark costs a repeated log entry.
 */
void state_mark_logged(struct state *state, const char *event_id);

/* Whether every operation is done. Marks that wait do not count. */
bool state_is_idle(const struct state *state);

typedef void (*state_slow_handler)(void *userdata, bool is_slow);

/*
 * Calls `handler` from the loop with true when no operation has ended for 10 s although some are in progress,
 * and with false when one has. At most one handler.
 */
void state_on_slow(struct state *state, state_slow_handler handler, void *userdata);

/*
 * Queues the last operation: the marks that wait are written and the store is closed. When state_is_idle()
 * says so, this is done, and state_close() does not wait. Operations queued from now on fail with -ESHUTDOWN.
 */
void state_finish(struct state *state);

/*
 * Operations that have not begun fail with -ESHUTDOWN, as do those queued from now on. Called from the loop,
 * if the disk or the server is not to be waited for.
 */
void state_abandon(struct state *state);

/*
 * Waits until all operations are done, marks included, calls their done(), and closes the store. If the disk
 * does not respond, this waits for it: state_is_idle() tells before. Accepts NULL, returns NULL.
 */
struct state *state_close(struct state *state);
