/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "planning/discovery.h"
#include "planning/feed_cursor.h"

/*
 * A round of the search by CreatedOn, newest first, for all sections that discover jobs: their first round,
 * those without the feed, and one after the feed was cut. It reads back as far as one of the sections needs,
 * but at most CREATED_ROWS_MAX rows. For each page:
 *
 *      created_round_page()          what to request
 *      created_round_take_page()     whether the rows count; sections begin, if they have not
 *      discovery_is_new()            by the caller, for each row that counts
 *      created_round_finish_page()   sections that need no older rows judge by later rules from now on: for
 *                                    them their first round is over, whatever becomes of the next pages
 */
#define CREATED_ROWS_MAX  1000
#define CREATED_PAGE_SIZE 25

struct created_round {
        size_t direction; /* which of the values of `dir`; kept from round to round */
        unsigned page;    /* the next one, from 1 */
        size_t rows;      /* that were read */
        uint64_t page_digest;
        unsigned size;       /* rows of a page */
        bool failing;        /* the last page did */
        const char *problem; /* why the last round failed, as a sentence without its end; static */
};

#define CREATED_ROUND_INITIAL ((struct created_round){ .page = 1, .size = CREATED_PAGE_SIZE })

struct created_section {
        struct discovery *discovery;
        uint64_t since_us; /* for discovery_begin() */
        bool has_begun;    /* with this page; set by created_round_finish_page() */
};

struct feed_page_request created_round_page(const struct created_round *round);

/*
 * A page was read to its end. As `updated`, the rows have CreatedOn. Returns
 *      FEED_AGAIN       the rows do not count: they are not sorted, and the round begins again with another
 * `dir` FEED_NEXT_PAGE   they count FEED_ROUND_DONE  they count, and the round is complete; the next page is
 * the first of another round FEED_ROUND_CUT   the same, but it did not reach as far as it should have
 *      FEED_FAILED      they do not count: no `dir` sorts them, or pages do not advance
 * A section that is added during a round begins with the next.
 */
enum feed_step created_round_take_page(struct created_round *round, const struct created_section sections[],
                                       size_t section_count, const struct feed_row rows[], size_t count,
                                       const struct feed_page_end *end);

/*
 * A page was not answered, or not with a whole document. The first time it is requested again; after the
 * second, or if it was too large, the round begins again with smaller pages, which grow with each round that
 * is complete. FEED_AGAIN, or FEED_FAILED if even pages of a single row fail.
 */
enum feed_step created_round_fail_page(struct created_round *round, bool too_large);

/* The rows of this page were judged. The arguments are those of created_round_take_page() and its step. */
void created_round_finish_page(struct created_section sections[], size_t section_count,
                               const struct feed_row rows[], size_t count, enum feed_step step);
