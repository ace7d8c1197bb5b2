/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "planning/feed_cursor.h"

/*
 * A round of the search by CreatedOn, newest first: the first one of a section [discover NAME], those without
 * the feed, and one after the feed was cut. At most CREATED_ROWS_MAX rows are read.
 */
#define CREATED_ROWS_MAX 1000

struct created_round {
        size_t direction; /* which of the values of `dir`; kept from round to round */
        unsigned page;    /* the next one, from 1 */
        size_t rows;      /* that were read */
        uint64_t page_digest;
};

#define CREATED_ROUND_INITIAL ((struct created_round){ .page = 1 })

/* The page to be requested now. */
struct feed_page_request created_round_page(const struct created_round *round);

/*
 * A page was read to its end. As `updated`, the rows have CreatedOn. The round reaches back to the first row
 * that is older than `depth`, as ticks of the form of this page. Returns FEED_AGAIN       the rows do not
 * count: they are not sorted, and the round begins again with another `dir` FEED_NEXT_PAGE   they count
 *      FEED_ROUND_DONE  they count, and the round is complete; the next page is the first of another round
 *      FEED_ROUND_CUT   the same, but it did not reach so far
 *      FEED_FAILED      they do not count: no `dir` sorts them, or pages do not advance
 */
enum feed_step created_round_take_page(struct created_round *round, const struct feed_row rows[],
                                       size_t count, const struct feed_page_end *end, int64_t depth);

/* The round begins again, with the same `dir`. */
void created_round_restart(struct created_round *round);
