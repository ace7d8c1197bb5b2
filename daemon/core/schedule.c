/* SPDX-License-Identifier: MIT */

/*
 * A heap in which each entry knows its place, so that a job can be moved or taken out without a search.
 * Position 1 is the root.
 */

#include "core/schedule.h"

#include <errno.h>
#include <stdlib.h>

void schedule_clear(struct schedule *schedule)
{
        for (size_t i = 0; i < schedule->count; i++)
                schedule->heap[i].entry->position = 0;
        free(schedule->heap);
        *schedule = SCHEDULE_EMPTY;
}

int schedule_reserve(struct schedule *schedule, size_t count)
{
        if (count <= schedule->room)
                return 0;

        if (count > SIZE_MAX / sizeof(*schedule->heap))
                return -ENOMEM;

        struct schedule_place *heap = realloc(schedule->heap, count * sizeof(*heap));
        if (heap == NULL)
                return -ENOMEM;
        schedule->heap = heap;
        schedule->room = count;
        return 0;
}

static struct schedule_place *place_at(const struct schedule *schedule, size_t position)
{
        return &schedule->heap[position - 1];
}

static void put_at(struct schedule *schedule, size_t position, struct schedule_place place)
{
        *place_at(schedule, position) = place;
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
static size_t sift_up(struct schedule *schedule, size_t position, uint64_t due_us)
{
        while (position > 1 && place_at(schedule, above(position))->due_us > due_us) {
                put_at(schedule, position, *place_at(schedule, above(position)));
                position = above(position);
        }
        return position;
}

static size_t sift_down(struct schedule *schedule, size_t position, uint64_t due_us)
{
        for (size_t below; (below = first_below(position)) <= schedule->count; position = below) {
                size_t last = below + BRANCHES - 1 < schedule->count ? below + BRANCHES - 1 : schedule->count;

                for (size_t other = below + 1; other <= last; other++)
                        if (place_at(schedule, other)->due_us < place_at(schedule, below)->due_us)
                                below = other;
                if (due_us <= place_at(schedule, below)->due_us)
                        break;
                put_at(schedule, position, *place_at(schedule, below));
        }
        return position;
}

static void sift(struct schedule *schedule, size_t position, struct schedule_entry *entry)
{
        const struct schedule_place place = { .due_us = entry->due_us, .entry = entry };

        position = sift_down(schedule, sift_up(schedule, position, entry->due_us), entry->due_us);
        put_at(schedule, position, place);
}

int schedule_put(struct schedule *schedule, struct schedule_entry *entry, uint64_t due_us)
{
        if (entry->position == 0) {
                if (schedule->count == schedule->room) {
                        int r = schedule_reserve(schedule, schedule->room == 0 ? 16 : schedule->room * 2);
                        if (r < 0)
                                return r;
                }
                entry->position = ++schedule->count;
        }

        entry->due_us = due_us;
        sift(schedule, entry->position, entry);
        return 0;
}

void schedule_remove(struct schedule *schedule, struct schedule_entry *entry)
{
        if (entry->position == 0)
                return;

        struct schedule_entry *last = place_at(schedule, schedule->count)->entry;
        schedule->count--;
        if (last != entry)
                sift(schedule, entry->position, last);
        entry->position = 0;
}

struct schedule_entry *schedule_first(const struct schedule *schedule)
{
        return schedule->count > 0 ? place_at(schedule, 1)->entry : NULL;
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
