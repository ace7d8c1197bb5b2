/* SPDX-License-Identifier: MIT */

/*
 * Failures of the search. While others are answered they are charged to it: it is tried less often, then with
 * smaller pages, then not at all for an hour.
 *
 * Whether it was refused for the credentials or for want of the role BusinessBackgroundJob-List shows with
 * the next read of a job, which a check request is made for if no poll is due.
 */

#include "planning/feed_failures.h"

#include "planning/backoff.h"
#include "planning/feed.h"
#include "planning/witnesses.h"
#include "util/timespan.h"

/* How long the search is not tried again for want of the role. */
#define REFUSED_US (1 * USEC_PER_HOUR)

void feed_note_answered(struct planner *planner)
{
        struct planner_feed *feed = &planner->feed;

        feed->failing = false;
        feed->failures = 0;
        feed->refused_until_us = 0;
}

void feed_note_read(struct planner *planner, uint64_t now_us)
{
        struct planner_feed *feed = &planner->feed;

        if (!feed->refused)
                return;
        feed->refused = false;
        feed->refused_until_us = now_us + REFUSED_US;
        feed_cursor_turn_off(&feed->cursor, "the user lacks the role BusinessBackgroundJob-List", now_us);
        feed_update(planner, now_us);
}

void feed_requeue(struct planner *planner, const struct planner_request *request, uint64_t due_us)
{
        struct planner_feed *feed = &planner->feed;

        switch (request->order) {
        case PAGE_BY_UPDATED_ON:
                feed->due_us = due_us;
                break;
        case PAGE_BY_CREATED_ON:
                if (feed->created_us != 0)
                        feed->created_us = due_us;
                break;
        }
}

void feed_postpone(struct planner *planner, const struct planner_request *request,
                   const struct planner_failure *failure, uint64_t now_us, uint64_t random)
{
        struct planner_feed *feed = &planner->feed;

        feed->failing = true;
        if (feed->failures < UINT8_MAX)
                feed->failures++;
        feed->ended = planner->limits.once;
        feed_requeue(
                planner, request,
                now_us + poll_backoff(feed->failures, feed->interval_us, failure->retry_after_us, random));
}

enum attribution feed_page_failed(struct planner *planner, const struct planner_request *request,
                                  const struct planner_failure *failure, uint64_t now_us, uint64_t random)
{
        struct planner_feed *feed = &planner->feed;
        bool alone = feed_is_alone(planner), witness = !feed->failing || alone;

        feed_postpone(planner, request, failure, now_us, random);
        if (!failure->too_large)
                witnesses_accuse(planner, failure->failure, witness, false, feed->interval_us, now_us,
                                 random);
        if (planner_is_open(planner))
                return ATTRIBUTED_TO_API;
        if (failure->failure == FAILURE_REFUSED) {
                feed->refused = !alone;
                witnesses_ask(planner, failure->failure, now_us);
        } else if (request->order == PAGE_BY_UPDATED_ON && feed->phase != FEED_PHASE_OFF) {
                (void)feed_cursor_fail_page(&feed->cursor, failure->too_large, now_us);
                feed_update(planner, now_us);
        }
        return ATTRIBUTED_TO_NONE;
}

const char *planner_discovery_problem(const struct planner *planner, uint64_t now_us)
{
        const struct planner_feed *feed = &planner->feed;

        return planner->limits.discovers && feed->refused_until_us > now_us ? feed->cursor.off.reason : NULL;
}

bool planner_search_answers(const struct planner *planner)
{
        return !planner->feed.failing;
}
