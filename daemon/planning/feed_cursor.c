/* SPDX-License-Identifier: MIT */

/*
 * Rounds and pages of the feed.
 *
 * A page that is not what it should be does not count: the round begins again, with another `dir` if the rows
 * are not sorted, with larger pages if most rows are new, with smaller ones if the page failed, and unchanged
 * if rows moved up between two pages, as they do when a job is deleted. Where that does not help, the feed is
 * off for a time that doubles, until it has worked for as long.
 */

#include "planning/feed_cursor.h"

#include <assert.h>
#include <stdio.h>

#include "util/timespan.h"

#define PAGES_MAX   200
#define REPEATS_MAX 3

/* Changes become visible late, by at most so much. */
#define LATE_TICKS REMOTE_TICKS_PER_MIN

/* Short rounds are made for so long after a complete one. Together with its own time, less than a minute. */
#define SHORT_US (30 * USEC_PER_SEC)

/* They read at least so far back, since several changes may have the same time. */
#define SHORT_TICKS (2 * REMOTE_TICKS_PER_SEC)

/* Rounds read back to a suspect that is no older than this. */
#define SUSPECT_TICKS (10 * REMOTE_TICKS_PER_MIN)

/* A round that began earlier after the poll may have been too early to show its change. */
#define SUSPECT_LATER_US USEC_PER_MIN

/* So many complete rounds without the change. */
#define SUSPECT_ROUNDS_MAX 2

static void restart_round(struct feed_cursor *cursor)
{
        cursor->page = 1;
        cursor->repeats = 0;
        cursor->shifted = false;
}

void feed_cursor_init(struct feed_cursor *cursor)
{
        *cursor = (struct feed_cursor){ .floor = INT64_MIN, .search = FEED_SEARCH_INITIAL };
        restart_round(cursor);
}

void feed_cursor_clear(struct feed_cursor *cursor)
{
        marked_set_clear(&cursor->seen);
}

void feed_cursor_start(struct feed_cursor *cursor, const struct remote_time *saved)
{
        assert(cursor->newest.form == REMOTE_TIME_NONE && !cursor->works);

        cursor->newest = *saved;
        cursor->boundary = saved->ticks - LATE_TICKS;
}

/* ---- suspects: changes that a poll found and the feed had not shown ---- */

static struct feed_suspect *find_suspect(struct feed_cursor *cursor, uint64_t id)
{
        for (size_t i = 0; i < cursor->suspect_count; i++)
                if (cursor->suspects[i].id == id)
                        return &cursor->suspects[i];
        return NULL;
}

/*
 * Of each job the first is kept, of all jobs the first FEED_SUSPECTS_MAX. A change without a time is left
 * out, since no row could clear it.
 */
static void add_suspect(struct feed_cursor *cursor, uint64_t id, const struct remote_time *updated,
                        uint64_t now_us)
{
        if (updated->form == REMOTE_TIME_NONE || cursor->suspect_count == FEED_SUSPECTS_MAX ||
            find_suspect(cursor, id) != NULL)
                return;
        cursor->suspects[cursor->suspect_count++] =
                (struct feed_suspect){ .id = id, .updated = *updated, .noted_us = now_us };
}

void feed_cursor_note_missed(struct feed_cursor *cursor, uint64_t id, const struct remote_time *updated,
                             uint64_t now_us)
{
        assert(id != 0);

        if (cursor->works)
                add_suspect(cursor, id, updated, now_us);
}

void feed_cursor_forget_job(struct feed_cursor *cursor, uint64_t id)
{
        struct feed_suspect *suspect = find_suspect(cursor, id);

        if (suspect != NULL)
                *suspect = cursor->suspects[--cursor->suspect_count];
}

/* A row of the job with that UpdatedOn or a newer one clears the suspicion. */
static void clear_suspect(struct feed_cursor *cursor, const struct feed_row *row)
{
        const struct feed_suspect *suspect = find_suspect(cursor, row->id);

        if (suspect != NULL && remote_time_comparable(&row->updated, &suspect->updated) &&
            row->updated.ticks >= suspect->updated.ticks)
                feed_cursor_forget_job(cursor, row->id);
}

/* A round is complete. Returns the id of a job whose change enough rounds should have shown; 0: there is
 * none. */
static uint64_t find_missed(struct feed_cursor *cursor)
{
        uint64_t id = 0;

        for (size_t i = 0; i < cursor->suspect_count; i++) {
                struct feed_suspect *suspect = &cursor->suspects[i];
                if (cursor->round_us >= suspect->noted_us + SUSPECT_LATER_US &&
                    ++suspect->rounds >= SUSPECT_ROUNDS_MAX)
                        id = suspect->id;
        }
        return id;
}

/* How far a round must read: to the boundary, or to a suspect before it that is young enough. */
static int64_t depth_of(const struct feed_cursor *cursor)
{
        int64_t depth = cursor->boundary;

        for (size_t i = 0; i < cursor->suspect_count; i++) {
                const struct remote_time *updated = &cursor->suspects[i].updated;
                if (updated->form == cursor->newest.form && updated->ticks < depth &&
                    updated->ticks >= cursor->newest.ticks - SUSPECT_TICKS)
                        depth = updated->ticks;
        }
        return depth;
}

/* ---- off ---- */

static void stop_rounds(struct feed_cursor *cursor)
{
        cursor->works = false;
        cursor->full_us = 0;
        cursor->suspect_count = 0;
        feed_search_reset(&cursor->search);
        restart_round(cursor);
}

/* A reason that is too long is cut. */
static void turn_off(struct feed_cursor *cursor, const char *reason, uint64_t until_us)
{
        (void)snprintf(cursor->off.reason, sizeof(cursor->off.reason), "%s", reason);
        cursor->off.until_us = until_us;
        stop_rounds(cursor);
}

/* 1 h, 2 h, 4 h ... up to a day. */
static uint64_t off_span(unsigned failures)
{
        uint64_t span_us = USEC_PER_HOUR;

        for (unsigned i = 1; i < failures && span_us < USEC_PER_DAY; i++)
                span_us *= 2;
        return time_earlier(span_us, USEC_PER_DAY);
}

static enum feed_step fail_feed(struct feed_cursor *cursor, const char *reason, uint64_t now_us)
{
        turn_off(cursor, reason, now_us + off_span(++cursor->off.failures));
        return FEED_FAILED;
}

void feed_cursor_turn_off(struct feed_cursor *cursor, const char *reason, uint64_t now_us)
{
        turn_off(cursor, reason, now_us + USEC_PER_HOUR);
}

bool feed_cursor_is_off(const struct feed_cursor *cursor, uint64_t now_us)
{
        return now_us < cursor->off.until_us;
}

/* ---- pages ---- */

/* Whether the round may end before it is complete. */
static bool is_short_round(const struct feed_cursor *cursor)
{
        return cursor->full_us != 0 && cursor->round_us < cursor->full_us + SHORT_US;
}

void feed_cursor_begin_page(struct feed_cursor *cursor, uint64_t now_us, struct feed_page_request *ret)
{
        assert(!feed_cursor_is_off(cursor, now_us));

        if (cursor->page == 1) {
                cursor->round_us = now_us;
                feed_search_begin_round(&cursor->search, is_short_round(cursor) ? 0 : cursor->full_rows,
                                        now_us);
                cursor->round_rows = cursor->round_new = 0;
        }
        *ret = (struct feed_page_request){
                .direction = feed_direction(cursor->search.direction),
                .page = cursor->page,
                .size = cursor->search.size,
        };
}

static enum feed_step begin_again(struct feed_cursor *cursor)
{
        cursor->page = 1;
        return FEED_AGAIN;
}

enum feed_step feed_cursor_fail_page(struct feed_cursor *cursor, bool too_large, uint64_t now_us)
{
        switch (feed_search_note_failed(&cursor->search, too_large, now_us)) {
        case FEED_SEARCH_RETRY:
                break;
        case FEED_SEARCH_AGAIN:
                return begin_again(cursor);
        case FEED_SEARCH_END:
                feed_cursor_turn_off(cursor, "pages of a single row fail", now_us);
                return FEED_FAILED;
        }
        return FEED_AGAIN;
}

/* Whether rows moved up since the page before, so that some may be on neither of the two. */
static bool rows_moved_up(const struct feed_cursor *cursor, const struct feed_page_end *end)
{
        return cursor->page > 1 && end->has_total && end->total < cursor->page_total;
}

static bool is_page_before(const struct feed_cursor *cursor, uint64_t digest)
{
        return cursor->page > 1 && digest == cursor->page_digest;
}

/* Whether the times of the page have the form of those on the first page. */
static bool has_form_of_round(const struct feed_cursor *cursor, const struct feed_row rows[], size_t count)
{
        return cursor->page == 1 || count == 0 ||
               remote_time_comparable(&rows[0].updated, &cursor->round_newest);
}

/* FEED_NEXT_PAGE: the rows of the page count. */
static enum feed_step judge_page(struct feed_cursor *cursor, const struct feed_row rows[], size_t count,
                                 const struct feed_page_end *end, uint64_t now_us)
{
        uint64_t digest = feed_page_digest(rows, count);

        if (end->number != 0 && end->number != cursor->page)
                return fail_feed(cursor, "pages do not advance", now_us);
        if (!feed_page_has_status(rows, count))
                return fail_feed(cursor, "rows have no Status", now_us);
        if (!feed_page_is_sorted(rows, count) || !has_form_of_round(cursor, rows, count))
                return feed_search_note_unsorted(&cursor->search)
                               ? begin_again(cursor)
                               : fail_feed(cursor, "rows are not sorted by UpdatedOn", now_us);

        if (is_page_before(cursor, digest) || rows_moved_up(cursor, end)) {
                if (cursor->repeats < REPEATS_MAX) {
                        cursor->repeats++;
                        return begin_again(cursor);
                }
                if (rows_moved_up(cursor, end))
                        cursor->shifted = true;
                else if (!cursor->first_changed) /* so it is not because as many rows came as a page has */
                        return fail_feed(cursor, "pages do not advance", now_us);
        }
        feed_search_note_sorted(&cursor->search);
        if (cursor->page == 1) {
                cursor->first_changed = digest != cursor->first_digest;
                cursor->first_digest = digest;
        }
        cursor->page_digest = digest;
        cursor->page_total = end->has_total ? end->total : 0;
        return FEED_NEXT_PAGE;
}

/* ---- rows ---- */

/* Whether rows can be compared with the boundary. */
static bool has_boundary(const struct feed_cursor *cursor)
{
        return remote_time_comparable(&cursor->newest, &cursor->round_newest);
}

static bool is_older(const struct feed_cursor *cursor, const struct feed_row *row)
{
        return has_boundary(cursor) && row->updated.ticks < cursor->boundary;
}

/* Sets new[]; returns how many rows are new. */
static size_t find_new_rows(const struct feed_cursor *cursor, const struct feed_row rows[], size_t count,
                            bool new[])
{
        size_t found = 0;

        for (size_t i = 0; i < count; i++) {
                if (rows[i].watched)
                        new[i] = !rows[i].as_recorded_or_seen;
                else
                        new[i] =
                                !is_older(cursor, &rows[i]) && !marked_set_has(&cursor->seen, rows[i].digest);
                found += new[i];
        }
        return found;
}

static bool wants_larger_pages(const struct feed_cursor *cursor, size_t count, size_t found,
                               const struct feed_page_end *end)
{
        return cursor->page == 1 && has_boundary(cursor) && end->has_next && found * 2 > count;
}

static void note_rows(struct feed_cursor *cursor, const struct feed_row rows[], size_t count, size_t found)
{
        for (size_t i = 0; i < count; i++) {
                if (!rows[i].watched)
                        marked_set_put(&cursor->seen, SEEN_ROWS_MAX, rows[i].digest, cursor->round);
                clear_suspect(cursor, &rows[i]);
        }
        cursor->round_rows += count;
        cursor->round_new += found;
}

/*
 * Whether the page reaches far enough back. New rows that are younger than the boundary are no reason for
 * another page, since all that is younger has been read then.
 */
static bool reaches_back(const struct feed_cursor *cursor, const struct feed_row rows[], size_t count,
                         const bool new[])
{
        int64_t depth = depth_of(cursor);

        for (size_t i = 0; i < count; i++)
                if (is_older(cursor, &rows[i]) && new[i])
                        return false;
        return count > 0 && rows[count - 1].updated.ticks < depth;
}

/* ---- the end of a round ---- */

static void end_round(struct feed_cursor *cursor)
{
        feed_search_end_round(&cursor->search, cursor->round_rows, cursor->round_new);
        cursor->recent = cursor->round_newest.ticks;
        restart_round(cursor);
}

/* Rows that this round has not shown. */
static void forget_seen_rows(struct feed_cursor *cursor)
{
        marked_set_forget(&cursor->seen, cursor->round - 1);
        cursor->round++;
}

static void end_full_round(struct feed_cursor *cursor)
{
        cursor->full_us = cursor->round_us;
        cursor->full_rows = cursor->round_rows;
        forget_seen_rows(cursor);
        end_round(cursor);
}

/*
 * Rows that were not reached are left to polls. The next rounds do not try to reach them again: after many
 * jobs got the same UpdatedOn, they never could.
 */
static enum feed_step cut_round(struct feed_cursor *cursor)
{
        cursor->newest = cursor->round_newest;
        cursor->floor = cursor->boundary = cursor->newest.ticks + 1;
        cursor->suspect_count = 0;
        cursor->works = false;
        end_full_round(cursor);
        return FEED_ROUND_CUT;
}

static void move_boundary(struct feed_cursor *cursor)
{
        cursor->newest = cursor->round_newest;
        cursor->boundary = cursor->newest.ticks - LATE_TICKS;
        if (cursor->boundary < cursor->floor && cursor->floor <= cursor->newest.ticks + 1)
                cursor->boundary = cursor->floor;
}

static enum feed_step complete_round(struct feed_cursor *cursor, uint64_t now_us)
{
        char reason[sizeof(cursor->off.reason)];

        if (cursor->shifted) { /* the next round reads as far back as this one */
                cursor->full_us = 0;
                forget_seen_rows(cursor);
                end_round(cursor);
                return FEED_ROUND_DONE;
        }
        if (cursor->round_newest.form != REMOTE_TIME_NONE)
                move_boundary(cursor);
        cursor->works = true;
        if (now_us >= cursor->off.until_us + off_span(cursor->off.failures))
                cursor->off.failures = 0;

        uint64_t missed = find_missed(cursor);
        end_full_round(cursor);
        if (missed == 0)
                return FEED_ROUND_DONE;
        (void)snprintf(reason, sizeof(reason), "it did not show a change of job %llu",
                       (unsigned long long)missed);
        return fail_feed(cursor, reason, now_us);
}

/* What follows a page whose rows count. */
static enum feed_step take_rows(struct feed_cursor *cursor, const struct feed_row rows[], size_t count,
                                const struct feed_page_end *end, bool new[], uint64_t now_us)
{
        if (cursor->page == 1)
                cursor->round_newest = count > 0 ? rows[0].updated : (struct remote_time){ 0 };

        size_t found = find_new_rows(cursor, rows, count, new);
        if (wants_larger_pages(cursor, count, found, end) && feed_search_grow(&cursor->search)) {
                for (size_t i = 0; i < count; i++)
                        new[i] = false;
                return begin_again(cursor);
        }
        note_rows(cursor, rows, count, found);

        if (count > 0 && cursor->newest.form != REMOTE_TIME_NONE && !has_boundary(cursor))
                return cut_round(cursor); /* the form of UpdatedOn is another now */
        if (!has_boundary(cursor) || !end->has_next || reaches_back(cursor, rows, count, new))
                return complete_round(cursor, now_us);
        if (count > 0 && found == 0 && is_short_round(cursor) &&
            rows[count - 1].updated.ticks < cursor->recent - SHORT_TICKS) {
                end_round(cursor);
                return FEED_ROUND_DONE;
        }
        if (cursor->page == PAGES_MAX)
                return cut_round(cursor);
        cursor->page++;
        return FEED_NEXT_PAGE;
}

enum feed_step feed_cursor_take_page(struct feed_cursor *cursor, const struct feed_row rows[], size_t count,
                                     const struct feed_page_end *end, bool new[], uint64_t now_us)
{
        for (size_t i = 0; i < count; i++)
                new[i] = false;
        enum feed_step step = judge_page(cursor, rows, count, end, now_us);
        return step == FEED_NEXT_PAGE ? take_rows(cursor, rows, count, end, new, now_us) : step;
}
