/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "planning/queue.h"
#include "state/state.h"

/*
 * All pending deliveries of one hook, those in progress included. The first ones, at most BACKLOG_MEMORY_MAX,
 * are in memory; the others are only in the state, from where they are read in the order of their ids. Those
 * of a job are in order: only the first may start, and only if it is not in progress.
 *
 * Each function takes O(log n), unless it says otherwise. Without memory the process ends.
 */
struct backlog {
        struct state *state; /* this and the next three are set by the owner */
        const char *hook;
        void (*on_page)(void *userdata, const char *error); /* see backlog_read() */
        void *userdata;

        uint64_t total; /* deliveries, in memory or not */

        /* private */
        void *jobs;         /* those with deliveries in memory: a tree of tsearch(3) */
        struct queue heads; /* of jobs of which no delivery is in progress, by the due time of the first */
        size_t count;       /* of deliveries in memory, those in progress included */
        uint64_t last_id;   /* the highest in memory so far */
        bool more;          /* the state has others */
        struct page *page;  /* is being read */
};

#define BACKLOG_MEMORY_MAX 10000

/* Of an empty backlog: so many deliveries are in the state. */
void backlog_begin(struct backlog *backlog, uint64_t total);

/*
 * After that: the delivery is in progress already, whatever the state says of it. It goes before all others
 * of its job. At most one of each job.
 */
void backlog_hold(struct backlog *backlog, const struct delivery *delivery);

/* A delivery was recorded; it has the highest id so far. It is due at once. */
void backlog_add(struct backlog *backlog, const struct delivery *delivery);

/*
 * Queues the reading of the next page, if there is one and half of the memory is free. on_page() is called
 * from the loop, with NULL when the deliveries are in memory, otherwise with the reason why they cannot be
 * read: then this is to be called again after a while.
 */
void backlog_read(struct backlog *backlog);

/*
 * The delivery that is due first among those that may start, and its due time; or NULL. Borrowed, valid until
 * the next change.
 */
const struct delivery *backlog_first(const struct backlog *backlog, uint64_t *ret_due_us);

/*
 * These three do nothing unless the delivery is the first of its job: it may have been dropped.
 *  - It is in progress.
 *  - It is in progress no more, and due at its time, after those of its job with lower ids.
 *  - It is not pending any more.
 */
void backlog_begin_attempt(struct backlog *backlog, const struct delivery *delivery);
void backlog_return(struct backlog *backlog, const struct delivery *delivery);
void backlog_end(struct backlog *backlog, const struct delivery *delivery);

/* The smallest event_us of all in memory; 0: there are none. Takes O(n) of the jobs. */
uint64_t backlog_oldest_us(const struct backlog *backlog);

/* Whether there are pending deliveries. */
bool backlog_is_waiting(const struct backlog *backlog);

/* Empties it, and frees the memory. */
void backlog_clear(struct backlog *backlog);
