/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "delivery/pending.h"
#include "state/state.h"

/*
 * All pending deliveries of one hook, those in progress included. The first ones, at most BACKLOG_MEMORY_MAX,
 * are in memory; the others are only in the state, from where they are read in the order of their ids.
 */
struct backlog {
        struct state *state; /* this and the next three are set by the owner */
        const char *hook;
        void (*on_page)(void *userdata, const char *error); /* see backlog_read() */
        void *userdata;

        struct pending pending; /* those in memory */
        uint64_t total;         /* in memory or not */

        /* private */
        uint64_t last_id;  /* the highest in memory so far */
        bool more;         /* the state has others */
        struct page *page; /* is being read */
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
 * from the loop, with NULL when the deliveries are in `pending`, otherwise with the reason why they cannot be
 * read: then this is to be called again after a while.
 */
void backlog_read(struct backlog *backlog);

/* A delivery is in progress no more, and due at its time. */
void backlog_return(struct backlog *backlog, const struct delivery *delivery);

/* A delivery is not pending any more. */
void backlog_end(struct backlog *backlog, const struct delivery *delivery);

/* Whether there are pending deliveries. */
bool backlog_is_waiting(const struct backlog *backlog);

/* Empties it, and frees the memory. */
void backlog_clear(struct backlog *backlog);
