/* SPDX-License-Identifier: MIT */

/* A sorted array: most IDs that are added are the highest, and a few hundred digests are fast anyway. */

#include "util/marked_set.h"

#include <stdlib.h>

#include "util/array.h"
#include "util/sorted.h"

struct marked_number {
        uint64_t number;
        int64_t mark;
};

bool marked_set_has(const struct marked_set *set, uint64_t number)
{
        return sorted_find(set->numbers, set->count, sizeof(*set->numbers), number) != NULL;
}

void marked_set_put(struct marked_set *set, size_t max, uint64_t number, int64_t mark)
{
        size_t place = sorted_place(set->numbers, set->count, sizeof(*set->numbers), number);

        if (!marked_set_has(set, number)) {
                if (set->count >= max)
                        return;
                set->numbers = array_insert(set->numbers, &set->count, sizeof(*set->numbers), place);
        }
        set->numbers[place] = (struct marked_number){ number, mark };
}

void marked_set_forget(struct marked_set *set, int64_t mark)
{
        size_t kept = 0;

        for (size_t i = 0; i < set->count; i++)
                if (set->numbers[i].mark > mark)
                        set->numbers[kept++] = set->numbers[i];
        set->count = kept;
}

void marked_set_clear(struct marked_set *set)
{
        free(set->numbers);
        *set = (struct marked_set){ .count = 0 };
}
