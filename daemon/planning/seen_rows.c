/* SPDX-License-Identifier: MIT */

/* A sorted array: the feed shows some hundred rows of other jobs in a round, and seldom many thousands. */

#include "planning/seen_rows.h"

#include <stdlib.h>

#include "util/array.h"
#include "util/sorted.h"

void seen_rows_clear(struct seen_rows *seen)
{
        free(seen->rows);
        *seen = SEEN_ROWS_EMPTY;
}

bool seen_rows_has(const struct seen_rows *seen, uint64_t digest)
{
        return sorted_find(seen->rows, seen->count, sizeof(*seen->rows), digest) != NULL;
}

void seen_rows_note(struct seen_rows *seen, uint64_t digest)
{
        size_t place = sorted_place(seen->rows, seen->count, sizeof(*seen->rows), digest);

        if (!seen_rows_has(seen, digest)) {
                if (seen->count == SEEN_ROWS_MAX)
                        return;
                seen->rows = array_insert(seen->rows, &seen->count, sizeof(*seen->rows), place);
        }
        seen->rows[place] = (struct seen_row){ digest, true };
}

void seen_rows_end_round(struct seen_rows *seen)
{
        size_t kept = 0;

        for (size_t i = 0; i < seen->count; i++)
                if (seen->rows[i].in_round)
                        seen->rows[kept++] = (struct seen_row){ seen->rows[i].digest, false };
        seen->count = kept;
}
