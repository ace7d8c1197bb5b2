/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "planning/feed_page.h"
#include "planning/feed_search.h"
#include "util/marked_set.h"

/*
 * A change that a poll found and the feed had not shown: it may have been about to. Two complete rounds
 * without it that began at least a minute later confirm the suspicion.
 */
struct feed_suspect {
        uint64_t id;
        struct remote_time updated;
        uint64_t noted_us;
        unsigned rounds; /* that should have shown it */
};

#define FEED_SUSPECTS_MAX 8

#define SEEN_ROWS_MAX 32768

/*
 * For how long the feed is off after a failure: 1 h, 2 h, 4 h ... up to a day. When it has worked as long as
 * it was off, the next time is an hour again. Times are CLOCK_BOOTTIME in microseconds.
 */
struct feed_off {
        uint64_t until_us;
        unsigned failures; /* that count */
        char reason[96];   /* of the last time; "" if there was none */
};

/*
 * The feed: rounds of the search by UpdatedOn, which show what changed since the round before. This decides
 * which page is read next, which of its rows are new, when a round is complete, and when the feed is not to
 * be trusted. Pure: `now_us` is CLOCK_BOOTTIME in microseconds, and requests and intervals are the caller's.
 *
 * A round reads from the newest row back to a minute behind the newest of the last complete round, since
 * changes may become visible late. The first round reads one page, or back to a minute behind a saved time.
 * Short rounds come in between while more rows than a page has are younger than that: they end with a page
 * without new rows that reaches a moment behind the newest row of the round before.
 */
struct feed_cursor {
        struct remote_time newest; /* of the last complete round, or what was saved; form NONE: neither */
        int64_t boundary; /* rows older than this were read by earlier rounds; of the form of `newest` */
        int64_t recent;   /* the newest time of the last round, short or not */
        int64_t floor;    /* `boundary` is not put before it, after a round was cut */
        struct marked_set seen; /* digests of rows of jobs that are not watched: those that were shown in this
                                 * round or the one before, at most SEEN_ROWS_MAX; a row that is not
                                 * remembered counts as unseen */
        int64_t round;          /* the number of this round, by which they are marked */
        struct feed_suspect suspects[FEED_SUSPECTS_MAX];
        size_t suspect_count;
        bool works;       /* a round is complete since the feed is on */
        uint64_t full_us; /* when the last complete round began; 0: none */
        size_t full_rows; /* how many rows it had */

        struct feed_search search;

        /* the round */
        unsigned page; /* the next one to be read, from 1 */
        uint64_t round_us;
        struct remote_time round_newest;
        size_t round_rows, round_new;
        unsigned repeats;
        bool shifted;         /* a row may have been missed all the same */
        uint64_t page_digest; /* of the page before */
        uint64_t first_digest;
        bool first_changed;  /* the first page was another one than when it was read before */
        uint64_t page_total; /* its TotalItems; 0: not given */

        struct feed_off off;
};

enum feed_step {
        FEED_NEXT_PAGE,
        FEED_AGAIN,      /* the page does not count: the round begins again, or the page is requested again */
        FEED_ROUND_DONE, /* all that changed has been shown, but for what became visible late */
        FEED_ROUND_CUT,  /* it has not: all jobs are to be polled, and new ones searched by CreatedOn */
        FEED_FAILED,     /* the feed is off; off.reason says why */
};

void feed_cursor_init(struct feed_cursor *cursor);

/* Frees the memory. feed_cursor_init() may follow. */
void feed_cursor_clear(struct feed_cursor *cursor);

/*
 * Before the first round. `saved` is up to when all changes were recorded in an earlier run; its form is
 * REMOTE_TIME_NONE if that is not known.
 */
void feed_cursor_start(struct feed_cursor *cursor, const struct remote_time *saved);

/* The page to be requested now. The feed must not be off. Called again, it asks for the same page. */
void feed_cursor_begin_page(struct feed_cursor *cursor, uint64_t now_us, struct feed_page_request *ret);

/*
 * A page was read to its end. new[i] is set to whether rows[i] is new, whatever the step; a page that does
 * not count has no new rows.
 */
enum feed_step feed_cursor_take_page(struct feed_cursor *cursor, const struct feed_row rows[], size_t count,
                                     const struct feed_page_end *end, bool new[], uint64_t now_us);

/*
 * The page could not be read, while other requests succeed, or it was too large. FEED_AGAIN: once with the
 * same page if it was not too large, then with smaller pages or another `dir`. FEED_FAILED if none are left.
 */
enum feed_step feed_cursor_fail_page(struct feed_cursor *cursor, bool too_large, uint64_t now_us);

/* Turns the feed off for an hour for a reason of the caller's, such as a missing role. */
void feed_cursor_turn_off(struct feed_cursor *cursor, const char *reason, uint64_t now_us);

bool feed_cursor_is_off(const struct feed_cursor *cursor, uint64_t now_us);

/*
 * A poll found a change that no row had shown. The job was observed without it since the feed is on: changes
 * from before need not be shown. Nothing is noted before the feed works.
 */
void feed_cursor_note_missed(struct feed_cursor *cursor, uint64_t id, const struct remote_time *updated,
                             uint64_t now_us);

/* The job is gone or not watched any more. */
void feed_cursor_forget_job(struct feed_cursor *cursor, uint64_t id);
