/* SPDX-License-Identifier: MIT */

/*
 * A heap in which each entry knows its place, so that a job can be moved or taken out without a search.
 * Position 1 is the root.
 */

#include "planning/queue.h"

#include <errno.h>
#include <stdlib.h>

void queue_clear(struct queue *queue)
{
        for (size_t i = 0; i < queue->count; i++)
                queue->heap[i].entry->position = 0;
        free(queue->heap);
        *queue = QUEUE_EMPTY;
}

int queue_reserve(struct queue *queue, size_t count)
{
        if (count <= queue->room)
                return 0;

        if (count > SIZE_MAX / sizeof(*queue->heap))
                return -ENOMEM;

        struct queue_place *heap = realloc(queue->heap, count * sizeof(*heap));
        if (heap == NULL)
                return -ENOMEM;
        queue->heap = heap;
        queue->room = count;
        return 0;
}

static struct queue_place *place_at(const struct queue *queue, size_t position)
{
        return &queue->heap[position - 1];
}

static void put_at(struct queue *queue, size_t position, struct queue_place place)
{
        *place_at(queue, position) = place;
        place.entry->position = position;
}

/*
 * A place has four others below it, which lie side by side: half the levels of a binary heap, and on each
 * level an entry somewhere in memory is told its new place.
 */
#define BRANCHES 4

static size_t above(size_t position)
{
        return (position - 2) / BRANCHES + 1;
}

static size_t first_below(size_t position)
{
        return (position - 1) * BRANCHES + 2;
}

/* Both find the position for what is to stand at `position`, above or below, and make room for it there. */
static size_t sift_up(struct queue *queue, size_t position, uint64_t due_us)
{
        while (position > 1 && place_at(queue, above(position))->due_us > due_us) {
                put_at(queue, position, *place_at(queue, above(position)));
                position = above(position);
        }
        return position;
}

static size_t sift_down(struct queue *queue, size_t position, uint64_t due_us)
{
        for (size_t below; (below = first_below(position)) <= queue->count; position = below) {
                size_t last = below + BRANCHES - 1 < queue->count ? below + BRANCHES - 1 : queue->count;

                for (size_t other = below + 1; other <= last; other++)
                        if (place_at(queue, other)->due_us < place_at(queue, below)->due_us)
                                below = other;
                if (due_us <= place_at(queue, below)->due_us)
                        break;
                put_at(queue, position, *place_at(queue, below));
        }
        return position;
}

static void sift(struct queue *queue, size_t position, struct queue_entry *entry)
{
        const struct queue_place place = { .due_us = entry->due_us, .entry = entry };

        position = sift_down(queue, sift_up(queue, position, entry->due_us), entry->due_us);
        put_at(queue, position, place);
}

int queue_put(struct queue *queue, struct queue_entry *entry, uint64_t due_us)
{
        if (entry->position == 0) {
                if (queue->count == queue->room) {
                        int r = queue_reserve(queue, queue->room == 0 ? 16 : queue->room * 2);
                        if (r < 0)
                                return r;
                }
                entry->position = ++queue->count;
        }

        entry->due_us = due_us;
        sift(queue, entry->position, entry);
        return 0;
}

void queue_remove(struct queue *queue, struct queue_entry *entry)
{
        if (entry->position == 0)
                return;

        struct queue_entry *last = place_at(queue, queue->count)->entry;
        queue->count--;
        if (last != entry)
                sift(queue, entry->position, last);
        entry->position = 0;
}

struct queue_entry *queue_first(const struct queue *queue)
{
        return queue->count > 0 ? place_at(queue, 1)->entry : NULL;
}

uint64_t pace_next(uint64_t previous_us, bool changed, uint64_t interval_us, uint64_t max_interval_us)
{
        if (changed || previous_us < interval_us)
                return interval_us;

        /* The last span may lie far beyond the maximum: a reload can have brought that down. */
        if (previous_us >= max_interval_us || previous_us / 2 >= max_interval_us - previous_us)
                return max_interval_us;
        return previous_us + previous_us / 2;
}

uint64_t pace_jitter(uint64_t span_us, uint64_t random)
{
        uint64_t range = span_us / 10;

        return span_us - (range > 0 ? random % (range + 1) : 0);
}
