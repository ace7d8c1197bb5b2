/* SPDX-License-Identifier: MIT */

/*
 * A heap in which each entry knows its position, so that it can be moved or removed without a search.
 * Position 1 is the root.
 */

#include "planning/queue.h"

#include <assert.h>
#include <stdlib.h>

#include "util/array.h"

void queue_clear(struct queue *queue)
{
        for (size_t i = 0; i < queue->count; i++)
                queue->heap[i].entry->position = 0;
        free(queue->heap);
        *queue = QUEUE_EMPTY;
}

static struct queue_node *node_at(const struct queue *queue, size_t position)
{
        return &queue->heap[position - 1];
}

static void put_at(struct queue *queue, size_t position, struct queue_node node)
{
        *node_at(queue, position) = node;
        node.entry->position = (uint32_t)position;
}

/* An entry that is in a queue is in this one. */
static bool queue_has(const struct queue *queue, const struct queue_entry *entry)
{
        return entry->position <= queue->count && node_at(queue, entry->position)->entry == entry;
}

/*
 * Each node has four children, side by side: half the levels of a binary heap, and on each level one entry
 * elsewhere in memory is updated.
 */
#define CHILDREN 4

static size_t parent_of(size_t position)
{
        return (position - 2) / CHILDREN + 1;
}

static size_t first_child_of(size_t position)
{
        return (position - 1) * CHILDREN + 2;
}

/* Both return the position for an entry that was at `position`, and free it by moving others. */
static size_t sift_up(struct queue *queue, size_t position, uint64_t due_us)
{
        while (position > 1 && node_at(queue, parent_of(position))->due_us > due_us) {
                put_at(queue, position, *node_at(queue, parent_of(position)));
                position = parent_of(position);
        }
        return position;
}

static size_t sift_down(struct queue *queue, size_t position, uint64_t due_us)
{
        for (size_t child; (child = first_child_of(position)) <= queue->count; position = child) {
                size_t last = child + CHILDREN - 1 < queue->count ? child + CHILDREN - 1 : queue->count;

                for (size_t other = child + 1; other <= last; other++)
                        if (node_at(queue, other)->due_us < node_at(queue, child)->due_us)
                                child = other;
                if (due_us <= node_at(queue, child)->due_us)
                        break;
                put_at(queue, position, *node_at(queue, child));
        }
        return position;
}

static void sift(struct queue *queue, size_t position, struct queue_entry *entry)
{
        const struct queue_node node = { .due_us = entry->due_us, .entry = entry };

        position = sift_down(queue, sift_up(queue, position, entry->due_us), entry->due_us);
        put_at(queue, position, node);
}

void queue_put(struct queue *queue, struct queue_entry *entry, uint64_t due_us)
{
        assert(entry->position == 0 || queue_has(queue, entry));
        if (entry->position == 0) {
                assert(queue->count < UINT32_MAX);
                queue->heap = array_grow(queue->heap, queue->count, sizeof(*queue->heap));
                entry->position = (uint32_t)++queue->count;
        }

        entry->due_us = due_us;
        sift(queue, entry->position, entry);
}

void queue_remove(struct queue *queue, struct queue_entry *entry)
{
        if (entry->position == 0)
                return;

        assert(queue_has(queue, entry));
        struct queue_entry *last = node_at(queue, queue->count)->entry;
        queue->count--;
        if (last != entry)
                sift(queue, entry->position, last);
        entry->position = 0;
}

struct queue_entry *queue_first(const struct queue *queue)
{
        return queue->count > 0 ? node_at(queue, 1)->entry : NULL;
}

uint64_t pace_next(uint64_t previous_us, bool changed, uint64_t interval_us, uint64_t max_interval_us)
{
        if (changed || previous_us < interval_us)
                return interval_us;

        /* The last interval may exceed the maximum, which a reload can lower. */
        if (previous_us >= max_interval_us || previous_us / 2 >= max_interval_us - previous_us)
                return max_interval_us;
        return previous_us + previous_us / 2;
}

uint64_t pace_jitter(uint64_t interval_us, uint64_t random)
{
        uint64_t range = interval_us / 10;

        return interval_us - (range > 0 ? random % (range + 1) : 0);
}
