/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

/*
 * A thread that takes work from the event loop, in order, and gives it back. The thread that runs the loop
 * never waits for it.
 *
 *      loop: worker_push() ──> queue ──> thread: execute() ──> worker_finish() ──> loop: work->done()
 */
struct worker;

/* Part of a larger object that describes what is to be done. Its owner frees it, in done() or later. */
struct work {
        void (*done)(struct work *work); /* called from the loop, never from worker_push() */
        struct work *next;               /* private to the worker while it has the work; see execute() */
};

struct worker_parts {
        sd_event *event;  /* borrowed */
        const char *name; /* of the thread: at most 15 characters */

        /*
         * Called on the thread with all work that is waiting: a list linked by `next`, never empty. It is to
         * pass each item to worker_finish() once, in any order; after that it must not touch the item.
         */
        void (*execute)(void *userdata, struct work *list);

        /*
         * Called on the thread when no work is waiting, after each execute() and at first: a chance for
         * housekeeping in short steps. Returns whether there is more of it. May be NULL.
         */
        bool (*on_idle)(void *userdata);
        void *userdata;
};

/*
 * Until worker_start(), work is executed by worker_push() itself; it is given back from the loop all the
 * same. Returns 0 or a negative errno.
 */
int worker_new(const struct worker_parts *parts, struct worker **ret_worker);

/* Starts the thread, which blocks all signals. Returns 0 or a negative errno. */
int worker_start(struct worker *worker);

/* Called from the loop, done() included. */
void worker_push(struct worker *worker, struct work *work);

/* Called from execute(). */
void worker_finish(struct worker *worker, struct work *work);

/* Whether there is no work that was not given back. */
bool worker_is_idle(const struct worker *worker);

/*
 * Waits until all work was executed and given back, at most for this time. Work that done() pushes counts,
 * too. Returns whether the worker is idle. Must not be called from done().
 */
bool worker_wait(struct worker *worker, uint64_t timeout_us);

/*
 * Waits for the thread to execute everything, ends it, and gives back all work, also what is pushed by done()
 * meanwhile. The thread must not be blocked for good: then the process has to end by _exit(). Must not be
 * called from done(). Accepts NULL, returns NULL.
 */
struct worker *worker_free(struct worker *worker);
