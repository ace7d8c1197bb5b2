/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "planning/queue.h"
#include "state/store.h"

/*
 * The pending deliveries of one hook that are in memory. Those of a job are in order: only the first may
 * start, and only if it is not in progress. Each function takes O(log n), unless it says otherwise. Without
 * memory the process ends.
 */
struct pending {
        void *jobs;         /* those with deliveries: a tree of tsearch(3) */
        struct queue heads; /* of jobs of which no delivery is in progress, by the due time of the first */
        size_t count;       /* of deliveries, those in progress included */
};

#define PENDING_EMPTY ((struct pending){ 0 })

/* Adds a delivery, due at `due_us`, behind the others of its job. */
void pending_add(struct pending *pending, const struct delivery *delivery, uint64_t due_us);

/*
 * The delivery that is due first among those that may start, and its due time; or NULL. Borrowed, valid until
 * the next change.
 */
const struct delivery *pending_first(const struct pending *pending, uint64_t *ret_due_us);

/*
 * These three are about a delivery with the id and job of `delivery`. They do nothing unless it is the first
 * of its job: it may have been dropped by pending_clear().
 *  - It is in progress.
 *  - It is in progress no more, and to be attempted again: `delivery` replaces it, due at `due_us`, after
 *    those of its job with lower ids.
 *  - It is not pending any more. Returns whether it was.
 */
void pending_begin(struct pending *pending, const struct delivery *delivery);
void pending_return(struct pending *pending, const struct delivery *delivery, uint64_t due_us);
bool pending_end(struct pending *pending, const struct delivery *delivery);

/* Whether it is the first of its job. */
bool pending_is_first(const struct pending *pending, const struct delivery *delivery);
/* The smallest event_us of all, those in progress included; 0: there are none. Takes O(n) of the jobs. */
uint64_t pending_oldest_us(const struct pending *pending);

/* Drops all deliveries and frees the memory. */
void pending_clear(struct pending *pending);
