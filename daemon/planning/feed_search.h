/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How the pages of the feed are asked for: which value of `dir` means "newest first" here, and how many rows
 * a page has, which is constant within a round. 25 rows usually, up to 100 while most rows are new. Half as
 * many if a page fails, and then no more than that until an hour after the first failure. Times are
 * CLOCK_BOOTTIME in microseconds.
 */
struct feed_search {
        size_t direction;          /* for feed_direction() */
        unsigned unsorted, failed; /* values of `dir`, as bits, that did not sort the rows of this round, or
                                      whose pages failed */
        bool sorted;               /* a page was, by `direction` */
        bool failing;              /* the last page failed */
        unsigned size;             /* of the pages of this round */
        unsigned largest;          /* it grows no further */
        uint64_t largest_until_us; /* for so long */
};

#define FEED_SMALL_SIZE   25
#define FEED_LARGEST_SIZE 100

#define FEED_SEARCH_INITIAL ((struct feed_search){ .size = FEED_SMALL_SIZE, .largest = FEED_LARGEST_SIZE })

/* A round begins, which will have about as many rows. */
void feed_search_begin_round(struct feed_search *search, size_t rows, uint64_t now_us);

/* A page was sorted. */
void feed_search_note_sorted(struct feed_search *search);

/* It was not. Returns true if the round begins again with another `dir`, false if none is left. */
bool feed_search_note_unsorted(struct feed_search *search);

enum feed_search_step {
        FEED_SEARCH_RETRY, /* the page is requested again: anything may fail once */
        FEED_SEARCH_AGAIN, /* the round begins again, with another `dir` or smaller pages */
        FEED_SEARCH_END,   /* a page of a single row fails */
};

/* A page could not be read. If it was too large, it is of no use to request it again. */
enum feed_search_step feed_search_note_failed(struct feed_search *search, bool too_large, uint64_t now_us);

/* Doubles the size for the round that begins again. Returns false if it is the largest already. */
bool feed_search_grow(struct feed_search *search);

/* The round had `rows` rows, of which `found` were new: decides on the size for the next one. */
void feed_search_end_round(struct feed_search *search, size_t rows, size_t found);

/* The feed is turned off: later all values of `dir` are tried again. */
void feed_search_reset(struct feed_search *search);
