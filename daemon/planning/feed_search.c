/* SPDX-License-Identifier: MIT */

/*
 * The order and the size of pages. A page that fails before any was sorted may fail because of `dir`, so the
 * other values are tried before smaller pages are.
 */

#include "planning/feed_search.h"

#include "planning/feed_page.h"
#include "util/timespan.h"

/* After a round of more rows than so many small pages have, pages stay large even if few of them were new. */
#define SMALL_PAGES 4

void feed_search_begin_round(struct feed_search *search, uint64_t now_us)
{
        if (now_us >= search->largest_until_us)
                search->largest = FEED_LARGEST_SIZE;
        if (search->size > search->largest)
                search->size = search->largest;
}

void feed_search_note_sorted(struct feed_search *search)
{
        search->sorted = true;
        search->unsorted = false;
}

static bool try_other_direction(struct feed_search *search)
{
        if (search->direction + 1 == FEED_DIRECTIONS)
                return false;
        search->direction++;
        return true;
}

bool feed_search_note_unsorted(struct feed_search *search)
{
        search->sorted = false;
        search->unsorted = true;
        return try_other_direction(search);
}

enum feed_search_step feed_search_note_failed(struct feed_search *search, uint64_t now_us)
{
        if (!search->sorted) {
                if (try_other_direction(search))
                        return FEED_SEARCH_TRY;
                if (search->unsorted)
                        return FEED_SEARCH_UNSORTED;
                search->direction = 0;
        }
        if (search->size == 1)
                return FEED_SEARCH_SMALLEST;
        search->size /= 2;
        search->largest = search->size;
        search->largest_until_us = now_us + USEC_PER_HOUR;
        return FEED_SEARCH_TRY;
}

bool feed_search_grow(struct feed_search *search)
{
        if (search->size == search->largest)
                return false;
        search->size = search->size * 2 < search->largest ? search->size * 2 : search->largest;
        return true;
}

void feed_search_end_round(struct feed_search *search, size_t rows, size_t found)
{
        if (found * 2 <= rows && rows <= (size_t)SMALL_PAGES * FEED_SMALL_SIZE)
                search->size = FEED_SMALL_SIZE;
}

void feed_search_reset(struct feed_search *search)
{
        search->direction = 0;
        search->sorted = search->unsorted = false;
        search->size = FEED_SMALL_SIZE;
}
