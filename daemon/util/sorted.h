/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * The place of an ID in an array of structures that begin with one, a uint64_t, ascending: the number of
 * lower IDs.
 */
static inline size_t sorted_place(const void *items, size_t count, size_t item_size, uint64_t id)
{
        size_t from = 0, to = count;

        while (from < to) {
                size_t middle = from + (to - from) / 2;
                uint64_t found;

                memcpy(&found, (const char *)items + middle * item_size, sizeof(found));
                if (found < id)
                        from = middle + 1;
                else
                        to = middle;
        }
        return from;
}

/* The one with this ID, or NULL. */
static inline void *sorted_find(void *items, size_t count, size_t item_size, uint64_t id)
{
        size_t place = sorted_place(items, count, item_size, id);
        char *item = place < count ? (char *)items + place * item_size : NULL;

        return item != NULL && memcmp(item, &id, sizeof(id)) == 0 ? item : NULL;
}
