/* SPDX-License-Identifier: MIT */

/* What a page of the search by UpdatedOn must be, before its rows are read one by one. */

#include "planning/feed_page.h"

#include <assert.h>

int feed_direction(size_t index)
{
        static const int directions[FEED_DIRECTIONS] = { -1, 1, 0 };

        assert(index < FEED_DIRECTIONS);
        return directions[index];
}

bool feed_page_is_sorted(const struct feed_row rows[], size_t count)
{
        for (size_t i = 0; i < count; i++) {
                const struct remote_time *before = &rows[i > 0 ? i - 1 : 0].updated;
                if (!remote_time_comparable(before, &rows[i].updated) ||
                    before->ticks < rows[i].updated.ticks)
                        return false;
        }
        return true;
}

bool feed_page_has_status(const struct feed_row rows[], size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (rows[i].has_status)
                        return true;
        return count == 0;
}

uint64_t feed_page_digest(const struct feed_row rows[], size_t count)
{
        uint64_t digest = UINT64_C(0xcbf29ce484222325); /* FNV-1a, by whole digests */

        for (size_t i = 0; i < count; i++)
                digest = (digest ^ rows[i].digest) * UINT64_C(0x100000001b3);
        return digest;
}
