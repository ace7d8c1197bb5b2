/* SPDX-License-Identifier: MIT */

/*
 * The order and the size of pages. A page that fails before any was sorted may fail because of `dir`, so the
 * other values are tried before smaller pages are.
 */

#include "planning/feed_search.h"

#include "planning/feed_page.h"
#include "util/timespan.h"

/* Rounds of more rows have large pages, even if few of them are new. */
#define SMALL_ROUND ((size_t)4 * FEED_SMALL_SIZE)

void feed_search_begin_round(struct feed_search *search, size_t rows, uint64_t now_us)
{
        if (now_us >= search->largest_until_us)
                search->largest = FEED_LARGEST_SIZE;
        if (search->size > search->largest || rows > SMALL_ROUND)
                search->size = search->largest;
}

void feed_search_note_sorted(struct feed_search *search)
{
        search->sorted = true;
        search->failing = false;
}

/* Takes the next value of `dir` that is not among these bits. Returns false if there is none. */
static bool take_other_direction(struct feed_search *search, unsigned bits)
{
        for (size_t i = 1; i < FEED_DIRECTIONS; i++) {
                size_t direction = (search->direction + i) % FEED_DIRECTIONS;
                if ((bits & 1U << direction) == 0) {
                        search->direction = direction;
                        return true;
                }
        }
        return false;
}

bool feed_search_note_unsorted(struct feed_search *search)
{
        search->sorted = search->failing = false;
        search->unsorted |= 1U << search->direction;
        return take_other_direction(search, search->unsorted);
}

/* Returns false if the pages cannot be smaller. */
static bool halve_pages(struct feed_search *search, uint64_t now_us)
{
        if (search->size == 1)
                return false;
        if (search->largest == FEED_LARGEST_SIZE)
                search->largest_until_us = now_us + USEC_PER_HOUR;
        search->size /= 2;
        search->largest = search->size;
        return true;
}

enum feed_search_step feed_search_note_failed(struct feed_search *search, bool too_large, uint64_t now_us)
{
        if (!search->failing && !too_large) {
                search->failing = true;
                return FEED_SEARCH_RETRY;
        }
        if (!search->sorted && !too_large) {
                search->failed |= 1U << search->direction;
                if (take_other_direction(search, search->failed | search->unsorted))
                        return FEED_SEARCH_AGAIN;
                search->failed = 0; /* all of them once more */
                (void)take_other_direction(search, search->unsorted);
        }
        return halve_pages(search, now_us) ? FEED_SEARCH_AGAIN : FEED_SEARCH_END;
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
        search->unsorted = search->failed = 0;
        if (found * 2 <= rows && rows <= SMALL_ROUND)
                search->size = FEED_SMALL_SIZE;
}

void feed_search_reset(struct feed_search *search)
{
        search->direction = 0;
        search->unsorted = search->failed = 0;
        search->sorted = search->failing = false;
        search->size = FEED_SMALL_SIZE;
}
