/* SPDX-License-Identifier: MIT */

/*
 * A hash table with linear probing. A slot is a mixed digest with its two lowest bits replaced: one says that
 * the slot is used, the other whether the row was last shown in an odd round. So when a round ends, what has
 * the other bit is from the round before.
 */

#include "planning/seen_rows.h"

#include <assert.h>
#include <stdlib.h>

#include "util/memory.h"

#define USED UINT64_C(2)
#define ODD  UINT64_C(1)

#define LEAST_CAPACITY 64

void seen_rows_clear(struct seen_rows *seen)
{
        free(seen->slots);
        *seen = SEEN_ROWS_EMPTY;
}

/* The digest is mixed, so that digests that differ in their lowest bits only have slots that differ. */
static uint64_t slot_of(uint64_t digest)
{
        return ((digest * UINT64_C(0x9e3779b97f4a7c15)) & ~(USED | ODD)) | USED;
}

/* Where the search for a slot begins. */
static size_t home_of(const struct seen_rows *seen, uint64_t slot)
{
        return (slot >> 32) & (seen->capacity - 1);
}

/* The place of a row, or the free one where it belongs. */
static uint64_t *find_slot(const struct seen_rows *seen, uint64_t slot)
{
        size_t at = home_of(seen, slot);

        while (seen->slots[at] != 0 && (seen->slots[at] | ODD) != (slot | ODD))
                at = (at + 1) & (seen->capacity - 1);
        return &seen->slots[at];
}

/* At most half of the table is full, so that searches are short. */
static void grow(struct seen_rows *seen)
{
        struct seen_rows larger = { .capacity = seen->capacity > 0 ? 2 * seen->capacity : LEAST_CAPACITY,
                                    .count = seen->count,
                                    .odd = seen->odd };

        larger.slots = memory_need(calloc(larger.capacity, sizeof(*larger.slots)));
        for (size_t i = 0; i < seen->capacity; i++)
                if (seen->slots[i] != 0)
                        *find_slot(&larger, seen->slots[i]) = seen->slots[i];
        free(seen->slots);
        *seen = larger;
}

bool seen_rows_has(const struct seen_rows *seen, uint64_t digest)
{
        return seen->capacity > 0 && *find_slot(seen, slot_of(digest)) != 0;
}

void seen_rows_note(struct seen_rows *seen, uint64_t digest)
{
        if (!seen_rows_has(seen, digest)) {
                if (seen->count == SEEN_ROWS_MAX)
                        return;
                if (seen->count * 2 == seen->capacity)
                        grow(seen);
                seen->count++;
        }
        *find_slot(seen, slot_of(digest)) = slot_of(digest) | (seen->odd ? ODD : 0);
}

/* Frees a slot. Those after it move up, as far as the search for them would stop at a free one. */
static void remove_slot(struct seen_rows *seen, size_t at)
{
        size_t mask = seen->capacity - 1;

        for (size_t next = (at + 1) & mask; seen->slots[next] != 0; next = (next + 1) & mask) {
                size_t home = home_of(seen, seen->slots[next]);
                if (((next - home) & mask) >= ((next - at) & mask)) {
                        seen->slots[at] = seen->slots[next];
                        at = next;
                }
        }
        seen->slots[at] = 0;
        seen->count--;
}

void seen_rows_end_round(struct seen_rows *seen)
{
        uint64_t kept = seen->odd ? ODD : 0;

        for (size_t i = 0; i < seen->capacity; i++)
                while (seen->slots[i] != 0 && (seen->slots[i] & ODD) != kept)
                        remove_slot(seen, i);
        seen->odd = !seen->odd;
}
