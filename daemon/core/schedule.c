/* SPDX-License-Identifier: MIT */

/*
 * A binary heap in which each entry knows its place, so that a job can be moved or taken out without a
 * search. Position 1 is the root; the children of n are 2n and 2n + 1.
 */

#include "core/schedule.h"

#include <errno.h>
#include <stdlib.h>

void schedule_clear(struct schedule *schedule)
{
        for (size_t i = 0; i < schedule->count; i++)
                schedule->heap[i]->position = 0;
        free(schedule->heap);
        *schedule = SCHEDULE_EMPTY;
}

int schedule_reserve(struct schedule *schedule, size_t count)
{
        if (count <= schedule->room)
                return 0;

        if (count > SIZE_MAX / sizeof(*schedule->heap))
                return -ENOMEM;

        struct schedule_entry **heap = realloc(schedule->heap, count * sizeof(*heap));
        if (heap == NULL)
                return -ENOMEM;
        schedule->heap = heap;
        schedule->room = count;
        return 0;
}

static void place(struct schedule *schedule, size_t position, struct schedule_entry *entry)
{
        schedule->heap[position - 1] = entry;
        entry->position = position;
}

static struct schedule_entry *entry_at(const struct schedule *schedule, size_t position)
{
        return schedule->heap[position - 1];
}

static void sift_up(struct schedule *schedule, struct schedule_entry *entry)
{
        size_t position = entry->position;

        while (position > 1) {
                struct schedule_entry *parent = entry_at(schedule, position / 2);
                if (parent->due_us <= entry->due_us)
                        break;
                place(schedule, position, parent);
                position /= 2;
        }
        place(schedule, position, entry);
}

static void sift_down(struct schedule *schedule, struct schedule_entry *entry)
{
        size_t position = entry->position;

        while (position * 2 <= schedule->count) {
                size_t child = position * 2;
                if (child < schedule->count &&
                    entry_at(schedule, child + 1)->due_us < entry_at(schedule, child)->due_us)
                        child++;
                if (entry->due_us <= entry_at(schedule, child)->due_us)
                        break;
                place(schedule, position, entry_at(schedule, child));
                position = child;
        }
        place(schedule, position, entry);
}

int schedule_put(struct schedule *schedule, struct schedule_entry *entry, uint64_t due_us)
{
        if (entry->position == 0) {
                if (schedule->count == schedule->room) {
                        int r = schedule_reserve(schedule, schedule->room == 0 ? 16 : schedule->room * 2);
                        if (r < 0)
                                return r;
                }
                schedule->count++;
                place(schedule, schedule->count, entry);
        }

        entry->due_us = due_us;
        sift_up(schedule, entry);
        sift_down(schedule, entry);
        return 0;
}

void schedule_remove(struct schedule *schedule, struct schedule_entry *entry)
{
        if (entry->position == 0)
                return;

        struct schedule_entry *last = entry_at(schedule, schedule->count);
        schedule->count--;
        if (last != entry) {
                place(schedule, entry->position, last);
                sift_up(schedule, last);
                sift_down(schedule, last);
        }
        entry->position = 0;
}

struct schedule_entry *schedule_first(const struct schedule *schedule)
{
        return schedule->count > 0 ? entry_at(schedule, 1) : NULL;
}

struct schedule_entry *schedule_take_due(struct schedule *schedule, uint64_t now_us)
{
        struct schedule_entry *first = schedule_first(schedule);

        if (first == NULL || first->due_us > now_us)
                return NULL;
        schedule_remove(schedule, first);
        return first;
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
