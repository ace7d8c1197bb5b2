/* SPDX-License-Identifier: MIT */

/* A sorted array; most new jobs have the highest ID. */

#include "monitor/known_ids.h"

#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/sorted.h"

/* Of the jobs that one day brings; more can be looked up again. */
#define IDS_MAX 100000

struct known_id {
        uint64_t id;
        int64_t created_ticks;
};

static size_t place_of(const struct known_ids *known, uint64_t id)
{
        return sorted_place(known->ids, known->count, sizeof(*known->ids), id);
}

bool known_ids_contain(const struct known_ids *known, uint64_t id)
{
        size_t place = place_of(known, id);

        return place < known->count && known->ids[place].id == id;
}

void known_ids_add(struct known_ids *known, uint64_t id, int64_t created_ticks)
{
        if (known_ids_contain(known, id))
                return;
        if (known->count == IDS_MAX)
                known->count = 0;
        known->ids = array_grow(known->ids, known->count, sizeof(*known->ids));
        size_t place = place_of(known, id);
        memmove(known->ids + place + 1, known->ids + place, (known->count - place) * sizeof(*known->ids));
        known->ids[place] = (struct known_id){ id, created_ticks };
        known->count++;
}

void known_ids_forget(struct known_ids *known, int64_t created_ticks)
{
        size_t kept = 0;

        for (size_t i = 0; i < known->count; i++)
                if (known->ids[i].created_ticks > created_ticks)
                        known->ids[kept++] = known->ids[i];
        known->count = kept;
}

void known_ids_clear(struct known_ids *known)
{
        free(known->ids);
        *known = (struct known_ids){ .count = 0 };
}
