/* SPDX-License-Identifier: MIT */

/*
 * Sorted arrays of jobs, for the search: a page of 100,000 jobs must not need a sort of them all. Old entries
 * are found and marked, then one pass closes the gaps and another merges the added ones.
 */

#include "job_order.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int job_order_reserve(struct job_order *order, size_t room)
{
        struct job_order_entry *entries = realloc(order->entries, room * sizeof *entries);

        if (!entries)
                return -ENOMEM;
        order->entries = entries;
        order->room = room;
        return 0;
}

static int compare(const void *a, const void *b)
{
        const struct job_order_entry *one = a, *other = b;

        if (one->time != other->time)
                return one->time < other->time ? -1 : 1;
        return (one->id > other->id) - (one->id < other->id);
}

/* Returns the position of the first gap. */
static size_t mark_gaps(struct job_order *order, const struct job_order_entry old[], size_t old_count)
{
        size_t first = order->count;

        for (size_t i = 0; i < old_count; i++) {
                struct job_order_entry *entry =
                        bsearch(&old[i], order->entries, order->count, sizeof *entry, compare);
                assert(entry && entry->job);
                entry->job = NULL;
                if ((size_t)(entry - order->entries) < first)
                        first = (size_t)(entry - order->entries);
        }
        return first;
}

void job_order_change(struct job_order *order, const struct job_order_entry old[], size_t old_count,
                      struct job_order_entry added[], size_t added_count)
{
        struct job_order_entry *entries = order->entries;
        size_t kept = mark_gaps(order, old, old_count);

        for (size_t i = kept; i < order->count; i++)
                if (entries[i].job)
                        entries[kept++] = entries[i];

        assert(kept + added_count <= order->room);
        if (added_count > 0)
                qsort(added, added_count, sizeof *added, compare);
        order->count = kept + added_count;
        for (size_t at = order->count; added_count > 0;) {
                if (kept > 0 && compare(&entries[kept - 1], &added[added_count - 1]) > 0)
                        entries[--at] = entries[--kept];
                else
                        entries[--at] = added[--added_count];
        }
}

void job_order_release(struct job_order *order)
{
        free(order->entries);
        *order = (struct job_order){ 0 };
}
