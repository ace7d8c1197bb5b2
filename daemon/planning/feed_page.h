/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/remote_time.h"

/* A page of the search by UpdatedOn, as far as the feed needs it. Pure, like all that judges it. */

struct feed_page_request {
        int direction;       /* the value of `dir` */
        unsigned page, size; /* pages are counted from 1 */
};

struct feed_row {
        uint64_t id;
        struct remote_time updated; /* UpdatedOn */
        uint64_t digest;            /* of id, UpdatedOn, Status and ResultData, as far as the row has them */
        bool watched;
        bool as_recorded_or_seen; /* if watched: it shows what is recorded, or what a row showed before */
        bool has_status;          /* the Status field is there, possibly null */
};

/* The envelope of the rows. */
struct feed_page_end {
        uint64_t number; /* CurrentPage; 0: not given */
        uint64_t total;  /* TotalItems */
        bool has_total;
        bool has_next;
};

/* The documentation has two meanings of `dir`. These are its values that may mean "newest first", in the
 * order in which they are tried. */
#define FEED_DIRECTIONS 3

int feed_direction(size_t index);

/* Whether all rows have times of one form, the newest first. */
bool feed_page_is_sorted(const struct feed_row rows[], size_t count);

/* Whether some row has a Status; true of a page without rows. */
bool feed_page_has_status(const struct feed_row rows[], size_t count);

/* A digest of all rows in their order. */
uint64_t feed_page_digest(const struct feed_row rows[], size_t count);
