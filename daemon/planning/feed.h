/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "planning/planner_state.h"

/*
 * The change feed: one request for all that has changed, in place of one for each job or batch. It reads the
 * pages of the search in rounds (feed_cursor.h). What its rows show is confirmed (feed_rows.h); while it
 * works, each job is polled by itself in a sweep only.
 *
 *      off ──wanted──> starting ──a round is complete──> working
 *       ^                 │                                │
 *       └── failed, or not wanted any more ────────────────┘
 *
 * It is wanted with more open jobs than one batch takes, and where new jobs are to be found. When it has
 * failed it is started again after an hour or more.
 */

/* ---- for the caller of the planner ---- */

/*
 * The feed of an earlier run is continued from here: jobs of which something is recorded are not all polled
 * at the start. To be called before the first planner_next().
 */
void planner_resume_feed(struct planner *planner, const struct remote_time *saved);

/*
 * A page by UpdatedOn was answered with a whole document, after planner_succeeded(): see
 * feed_cursor_take_page(). Each new row of a watched job is then believed or confirmed: see feed_rows.h.
 */
enum feed_step planner_take_page(struct planner *planner, const struct feed_row rows[], size_t count,
                                 const struct feed_page_end *end, bool is_new[], uint64_t now_us);

/*
 * A page by CreatedOn is wanted at `at_us`, until it is said anew when the next one is; NULL: none is.
 */
void planner_want_created(struct planner *planner, const struct feed_page_request *page, uint64_t at_us);

enum feed_phase planner_feed_phase(const struct planner *planner);

/* The value of `dir` that the feed uses, for feed_direction(). */
size_t planner_feed_direction(const struct planner *planner);

/* Why the feed is off though it is wanted; NULL: it is not. Borrowed. */
const char *planner_feed_problem(const struct planner *planner, uint64_t now_us);

/* Why no new jobs are found though they are to be, with the feed or without; NULL: they are. Borrowed. */
const char *planner_discovery_problem(const struct planner *planner, uint64_t now_us);

/* Whether the last page was answered. */
bool planner_search_answers(const struct planner *planner);

/* When the feed, or the search, is tried again. */
uint64_t planner_feed_retry_us(const struct planner *planner);

/*
 * The time up to which all changes are recorded, as far as the feed showed them: of form REMOTE_TIME_NONE if
 * no round is complete, or while a recorded job may have changed before the feed showed its changes.
 */
struct remote_time planner_feed_position(const struct planner *planner);

/* It is this at most: the newest time of the last complete round. */
struct remote_time planner_feed_newest(const struct planner *planner);

/* ---- for the files of this directory ---- */

/* Starts or stops the feed as it is wanted. To be called before feed_next_page(). */
void feed_update(struct planner *planner, uint64_t now_us);

/* When a page can be requested, if polls are allowed from `poll_us` on; USEC_NEVER if none is wanted. */
uint64_t feed_ready_us(const struct planner *planner, uint64_t poll_us, uint64_t now_us);

/* The same, and when to ask again whether one is. */
uint64_t feed_wake_us(const struct planner *planner, uint64_t poll_us, uint64_t now_us);

/* When a page is due, if nothing prevents it. */
uint64_t feed_due_us(const struct planner *planner);

/* Whether the page goes before other polls, since no sweep is behind. */
bool feed_is_first(const struct planner *planner, uint64_t now_us);

/*
 * From when on the page goes before confirmations: many wait, and rows of the page may be believed instead.
 * USEC_NEVER: it does not.
 */
uint64_t feed_urgent_us(const struct planner *planner);

/* Fills in the request for a page, which is ready. */
void feed_begin_page(struct planner *planner, struct planner_request *ret_request, uint64_t now_us);

/* Whether the feed is used for so many open jobs, and the least time from one page to the next. */
bool feed_shows(const struct planner *planner, size_t open, uint64_t now_us);
uint64_t feed_page_interval_us(const struct planner *planner);

/* There is no open job: then the search is the witness against the API, and the probe. */
bool feed_is_alone(const struct planner *planner);

/* Some jobs were added, removed or set otherwise. */
void feed_note_jobs(struct planner *planner);

/* With `once`: a round is still to be made. */
bool feed_is_needed(const struct planner *planner);

/* All that was learned of the API is forgotten; with `hurry` only that it refuses the search. */
void feed_reset(struct planner *planner, uint64_t now_us);
void feed_hurry(struct planner *planner);

/* The API fails as a whole: what was charged to the search is taken back. */
void feed_undo_charge(struct planner *planner, uint64_t now_us);
