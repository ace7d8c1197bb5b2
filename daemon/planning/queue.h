/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Which job is to be looked at when: a heap of due times. Pure: times come in as CLOCK_BOOTTIME
 * microseconds, chance as a number. An entry lives in its owner's struct and is in at most one schedule; the
 * schedule only points at it.
 */
struct queue_entry {
        uint64_t due_us;
        size_t position; /* 1-based place in the heap; 0: not scheduled */
};

/* The time stands in the heap too: entries lie far apart, and to look at each on the way costs most of all.
 */
struct queue_place {
        uint64_t due_us;
        struct queue_entry *entry;
};

struct queue {
        struct queue_place *heap;
        size_t count;
        size_t room;
};

#define QUEUE_EMPTY ((struct queue){ 0 })

/* Frees the heap; the entries are their owners'. */
void queue_clear(struct queue *queue);

/* Makes room for `count` entries, so that queue_put() cannot fail for as many. -ENOMEM. */
int queue_reserve(struct queue *queue, size_t count);

/* Schedules, or reschedules. -ENOMEM only where no room was reserved. */
int queue_put(struct queue *queue, struct queue_entry *entry, uint64_t due_us);

/* Takes out; does nothing for one that is not in. */
void queue_remove(struct queue *queue, struct queue_entry *entry);

/* The entry that is due first, or NULL. It stays in. Of those due at the same time any one. */
struct queue_entry *queue_first(const struct queue *queue);

/* ---- pace: how far apart the looks at one job are ---- */

/*
 * The span from one look to the next: `interval_us` after a change, and half as long again after each look
 * that brought none, up to `max_interval_us`. `previous_us` is the last span, 0 for none.
 */
uint64_t pace_next(uint64_t previous_us, bool changed, uint64_t interval_us, uint64_t max_interval_us);

/*
 * Moves a span by up to a tenth towards shorter, so that jobs that were started together do not stay
 * together, while "within the interval" stays true. `random` is any 64-bit number.
 */
uint64_t pace_jitter(uint64_t span_us, uint64_t random);
