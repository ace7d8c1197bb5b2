/* SPDX-License-Identifier: MIT */

/* A sorted array; most new jobs have the highest ID. */

#include "monitor/known_ids.h"

#include <stdlib.h>

#include "util/array.h"
#include "util/sorted.h"

/* Of the jobs that one day brings; more can be looked up again. */
#define IDS_MAX 100000

struct known_id {
        uint64_t id;
        int64_t created_ticks;
};

bool known_ids_contain(const struct known_ids *known, uint64_t id)
{
        return sorted_find(known->ids, known->count, sizeof(*known->ids), id) != NULL;
}

void known_ids_add(struct known_ids *known, uint64_t id, int64_t created_ticks)
{
        if (known_ids_contain(known, id))
                return;
        if (known->count == IDS_MAX)
                known->count = 0;
        size_t place = sorted_place(known->ids, known->count, sizeof(*known->ids), id);
        known->ids = array_insert(known->ids, &known->count, sizeof(*known->ids), place);
        known->ids[place] = (struct known_id){ id, created_ticks };
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
