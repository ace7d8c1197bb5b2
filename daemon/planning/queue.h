/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A heap of due times. Pure: times are CLOCK_BOOTTIME in microseconds, randomness is an argument. An entry
 * is part of its owner's struct and in at most one queue; the queue only points to it.
 */
struct queue_entry {
        uint64_t due_us;
        uint32_t position; /* 1-based position in the heap; 0: not queued */
};

/* The time is in the heap too, since entries are far apart in memory. */
struct queue_node {
        uint64_t due_us;
        struct queue_entry *entry;
};

struct queue {
        struct queue_node *heap;
        size_t count;
};

#define QUEUE_EMPTY ((struct queue){ 0 })

/* Frees the heap. The entries stay with their owners and are no longer queued. */
void queue_clear(struct queue *queue);

/* Adds an entry or changes its due time. */
void queue_put(struct queue *queue, struct queue_entry *entry, uint64_t due_us);

/* Removes an entry; does nothing if it is not queued. */
void queue_remove(struct queue *queue, struct queue_entry *entry);

/* The entry that is due first (any of those with the same time), or NULL. It stays queued. */
struct queue_entry *queue_first(const struct queue *queue);

/* ---- pace: the poll interval of one job ---- */

/*
 * The next poll interval: `interval_us` after a change, then half as long again after each poll without one,
 * up to `max_interval_us`. `previous_us` is the last interval, 0 for none.
 */
uint64_t pace_next(uint64_t previous_us, bool changed, uint64_t interval_us, uint64_t max_interval_us);

/*
 * Shortens an interval by up to a tenth at random, so that jobs started together do not stay together.
 * `random` is any 64-bit number.
 */
uint64_t pace_jitter(uint64_t interval_us, uint64_t random);
