/* SPDX-License-Identifier: MIT */

/*
 * A search asks for pages until it has enough rows that match, or PAGES_MAX pages. It does not trust what
 * `dir` means: if the first page is not the newest first, the next value is tried.
 *
 *     waiting --(allowed)--> in flight --(enough, last page, failure)--> ended
 *        ^                       |
 *        '--(another page)-------'
 */

#include "monitor/recent.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "model/remote_time.h"
#include "monitor/feed.h"
#include "monitor/poll_state.h"
#include "util/glob.h"
#include "util/memory.h"
#include "util/timespan.h"

/* Searches at a time, those that wait included. */
#define SEARCHES_MAX 8

#define PAGE_SIZE 100
#define PAGES_MAX 4

/* So many pages at once, and then one in this time: polls go on, however often clients ask. */
#define SHARE_BURST     8
#define SHARE_PERIOD_US (10 * USEC_PER_SEC)

/* How long a search may wait for the rate limits. A client waits for 25 s. */
#define WAIT_MAX_US (20 * USEC_PER_SEC)

struct recent_search {
        struct recent_search *next;
        struct recent_query query;
        recent_handler handler;
        void *userdata;
        uint64_t deadline_us; /* CLOCK_BOOTTIME: until then it may wait for its next request */
        bool in_flight;
        unsigned page;     /* the next one, or the one in flight; from 1 */
        unsigned switches; /* of the direction */
        size_t count;
        struct job_record rows[RECENT_ROWS_MAX];
};

/* Takes the first search out, calls its handler, and frees it. */
static void finish(struct monitor *monitor, const char *error)
{
        struct recent_search *search = monitor->recent.first;

        monitor->recent.first = search->next;
        monitor->recent.count--;
        search->handler(search->userdata, error, search->rows, error == NULL ? search->count : 0);
        for (size_t i = 0; i < search->count; i++)
                job_record_clear(&search->rows[i]);
        free(search);
}

int monitor_search_recent(struct monitor *monitor, const struct recent_query *query, recent_handler handler,
                          void *userdata)
{
        struct recent_search **end = &monitor->recent.first;

        assert(query->limit > 0 && query->limit <= RECENT_ROWS_MAX);
        if (monitor->stopped)
                return -ESHUTDOWN;
        if (monitor->recent.count == SEARCHES_MAX)
                return -EBUSY;
        struct recent_search *search = memory_need(calloc(1, sizeof(*search)));
        search->query = *query;
        search->handler = handler;
        search->userdata = userdata;
        search->deadline_us = monitor_now_us(monitor) + WAIT_MAX_US;
        search->page = 1;
        while (*end != NULL)
                end = &(*end)->next;
        *end = search;
        monitor->recent.count++;
        monitor_poll_soon(monitor);
        return 0;
}

/* ---- requests ---- */

bool recent_is_waiting(const struct monitor *monitor)
{
        const struct recent_search *first = monitor->recent.first;

        return first != NULL && !first->in_flight;
}

/* Why no request can be sent for some time; NULL: one can. */
static const char *obstacle(const struct monitor *monitor)
{
        const struct breaker *breaker = planner_breaker(monitor->planner);

        if (session_needed_login(monitor->parts.session) != NULL)
                return "nobody is signed in; see 'jobwatchctl status'";
        if (breaker->state != BREAKER_CLOSED)
                return failure_to_string(breaker->failure);
        return NULL;
}

static void end_those_that_wait(struct monitor *monitor, uint64_t now_us)
{
        while (recent_is_waiting(monitor)) {
                const char *error = obstacle(monitor);

                if (error == NULL && monitor->recent.first->deadline_us <= now_us)
                        error = "the rate limits leave no request at present";
                if (error == NULL)
                        return;
                finish(monitor, error);
        }
}

bool recent_next(struct monitor *monitor, bool may_send, uint64_t now_us, struct planner_request *ret_request,
                 uint64_t *wake_us)
{
        uint64_t at_us = USEC_NEVER;

        end_those_that_wait(monitor, now_us);
        if (!recent_is_waiting(monitor))
                return false;
        struct recent_search *search = monitor->recent.first;
        if (monitor->recent.share_us > now_us + (SHARE_BURST - 1) * SHARE_PERIOD_US) {
                at_us = monitor->recent.share_us - (SHARE_BURST - 1) * SHARE_PERIOD_US;
        } else if (may_send && planner_begin_search(monitor->planner, now_us, ret_request, &at_us)) {
                if (monitor->recent.share_us < now_us)
                        monitor->recent.share_us = now_us;
                monitor->recent.share_us += SHARE_PERIOD_US;
                ret_request->order = PAGE_BY_CREATED_ON;
                ret_request->page = (struct feed_page_request){
                        .direction = feed_direction(monitor->recent.direction),
                        .page = search->page,
                        .size = PAGE_SIZE,
                };
                search->in_flight = true;
                return true;
        }
        *wake_us = time_earlier(*wake_us, time_earlier(search->deadline_us, at_us));
        return false;
}

uint64_t recent_business(const struct monitor *monitor)
{
        return monitor->recent.first->query.business;
}

/* ---- responses ---- */

static bool is_known(const struct recent_search *search, uint64_t id)
{
        for (size_t i = 0; i < search->count; i++)
                if (search->rows[i].id == id)
                        return true;
        return false;
}

/* Filters of the API may be ignored, and rows may move from page to page. */
static bool matches(const struct recent_search *search, const struct job_record *row)
{
        const struct recent_query *query = &search->query;

        return (query->business == 0 || row->business_id == query->business) &&
               (query->description == NULL ||
                (row->description.data != NULL &&
                 glob_matches(query->description, row->description.data, row->description.size))) &&
               !is_known(search, row->id);
}

static void keep(struct recent_search *search, struct job_record *row)
{
        text_clear(&row->result);
        text_clear(&row->user);
        text_clear(&row->email);
        search->rows[search->count++] = *row;
        *row = (struct job_record){ 0 };
}

/* Whether some row is newer than the one before it. */
static bool is_ascending(const struct job_record rows[], size_t count)
{
        for (size_t i = 1; i < count; i++) {
                const struct remote_time before = remote_time_parse(&rows[i - 1].created_on),
                                         time = remote_time_parse(&rows[i].created_on);

                if (remote_time_comparable(&before, &time) && time.ticks > before.ticks)
                        return true;
        }
        return false;
}

void recent_take_page(struct request_slot *slot, const struct search_page *page)
{
        struct monitor *monitor = slot->monitor;
        struct recent_search *search = monitor->recent.first;
        size_t count = 0;
        struct job_record *rows = feed_page_rows(slot, &count);
        const bool advances = page->number == 0 || page->number == search->page;

        search->in_flight = false;
        search->deadline_us = monitor_now_us(monitor) + WAIT_MAX_US;
        if (search->page == 1 && search->switches < FEED_DIRECTIONS - 1 && is_ascending(rows, count)) {
                search->switches++;
                monitor->recent.direction = (monitor->recent.direction + 1) % FEED_DIRECTIONS;
                return;
        }
        for (size_t i = 0; advances && i < count && search->count < search->query.limit; i++)
                if (matches(search, &rows[i]))
                        keep(search, &rows[i]);
        if (search->count < search->query.limit && advances && page->has_next && search->page < PAGES_MAX)
                search->page++;
        else
                finish(monitor, NULL);
}

void recent_take_failure(struct monitor *monitor, const char *explanation)
{
        finish(monitor, explanation);
}

void recent_note_cancelled(struct monitor *monitor)
{
        monitor->recent.first->in_flight = false;
}

void recent_stop(struct monitor *monitor)
{
        while (monitor->recent.first != NULL)
                finish(monitor, "the service is stopping");
}
