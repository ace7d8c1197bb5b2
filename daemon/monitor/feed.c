/* SPDX-License-Identifier: MIT */

/*
 *      page complete ──> planner_take_page(): which rows are new?
 *             ├─ of a watched job, believed ──> observe()
 *             ├─ of a watched job ──> confirmed by a single request
 *             └─ of another job ──> perhaps a new one
 *
 * The position, up to which all that rows showed is recorded, is a value of the state: a time and the URL of
 * the API that it is from.
 */

#include "monitor/feed.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/discover.h"
#include "monitor/discover_created.h"
#include "monitor/observe.h"
#include "planning/feed.h"
#include "planning/feed_rows.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/timespan.h"

#define KEY_POSITION "feed cursor"
#define SAVE_US      (10 * USEC_PER_SEC)

/* A row this close to the newest one may be followed by another version with the same time. */
#define SAME_TICKS (2 * REMOTE_TICKS_PER_SEC)

struct page_rows {
        size_t count, capacity;
        struct job_record records[];
};

/* A server may send more rows than were requested, see nexudus_search(). */
static size_t rows_max(const struct planner_request *request)
{
        return 2 * (size_t)request->page.size;
}

void feed_prepare(struct request_slot *slot)
{
        size_t capacity = rows_max(&slot->request);

        slot->page = memory_need(calloc(1, sizeof(*slot->page) + capacity * sizeof(struct job_record)));
        slot->page->capacity = capacity;
}

void feed_clear(struct request_slot *slot)
{
        for (size_t i = 0; slot->page != NULL && i < slot->page->count; i++)
                job_record_clear(&slot->page->records[i]);
        free(slot->page);
        slot->page = NULL;
}

void feed_take_row(struct request_slot *slot, struct job_record *row)
{
        struct page_rows *page = slot->page;

        assert(page->count < page->capacity);
        slot->status_is_json |= row->status_is_json;
        slot->result_is_json |= row->result_is_json;
        page->records[page->count++] = *row;
        *row = (struct job_record){ 0 };
}

struct job_record *feed_page_rows(struct request_slot *slot, size_t *ret_count)
{
        *ret_count = slot->page->count;
        return slot->page->records;
}

/* ---- the document is complete ---- */

static struct job *job_of_row(const struct monitor *monitor, const struct job_record *record)
{
        return job_table_find(&monitor->jobs, record->id);
}

static struct feed_row feed_row_of(const struct monitor *monitor, const struct job_record *record)
{
        const struct row_shown shown = row_shown_of(record);
        const struct job *job = job_of_row(monitor, record);

        return (struct feed_row){
                .id = record->id,
                .updated = shown.updated,
                .digest = shown.digest ^ (uint64_t)shown.updated.ticks ^ record->id << 32,
                .watched = job != NULL,
                .as_recorded_or_seen = job != NULL && planner_knows_row(&job->planning, record),
                .has_status = record->has_status,
        };
}

/* Whether a later version may have the same time, which is the newest on the page. */
static bool is_newest_second(const struct feed_row *row, const struct feed_row *newest)
{
        return row->updated.whole_second && remote_time_comparable(&row->updated, &newest->updated) &&
               newest->updated.ticks - row->updated.ticks <= SAME_TICKS;
}

/* `more`: new rows of the page that do not wait to be confirmed. Returns whether this one does now. */
static bool take_watched(struct monitor *monitor, struct job *job, struct job_record *record, bool is_new,
                         bool again, size_t more)
{
        const struct row_shown shown = row_shown_of(record);
        struct planner_job *planning = &job->planning;
        uint64_t now = monitor_now_us(monitor);

        if (!planner_believes_row(monitor->planner, planning, record, true, more, now)) {
                if (is_new)
                        planner_confirm_row(monitor->planner, planning, &shown, record, again, now);
                return is_new;
        }
        planner_take_row(monitor->planner, planning, &shown, true, again);
        observe(monitor, planning, record);
        return false;
}

/* The oldest change first, as it happened. */
static void take_new_rows(struct monitor *monitor, struct page_rows *page, const struct feed_row rows[],
                          const bool is_new[])
{
        size_t more = 0;

        for (size_t i = 0; i < page->count; i++)
                more += is_new[i] && rows[i].watched;
        for (size_t i = page->count; i-- > 0;) {
                struct job *job = job_of_row(monitor, &page->records[i]);
                const bool again = is_newest_second(&rows[i], &rows[0]);

                if (job != NULL && !is_new[i])
                        planner_note_known_row(&job->planning, &page->records[i], again);
                if (job == NULL || (!is_new[i] && !planner_awaits_confirmation(&job->planning)))
                        continue;
                more -= take_watched(monitor, job, &page->records[i], is_new[i], again, more);
        }
}

/* Some may be of new jobs. */
static void take_other_rows(struct monitor *monitor, struct page_rows *page, const struct feed_row rows[])
{
        for (size_t i = page->count; i-- > 0;)
                discover_take_row(monitor, &page->records[i], is_newest_second(&rows[i], &rows[0]));
}

static void take_by_updated_on(struct monitor *monitor, struct page_rows *page, const struct search_page *end)
{
        const struct feed_page_end page_end = { end->number, end->total, end->has_total, end->has_next };
        CLEANUP(cleanup_free) struct feed_row *rows = memory_need(calloc(page->count + 1, sizeof(*rows)));
        CLEANUP(cleanup_free) bool *is_new = memory_need(calloc(page->count + 1, sizeof(*is_new)));

        for (size_t i = 0; i < page->count; i++)
                rows[i] = feed_row_of(monitor, &page->records[i]);
        enum feed_step step = planner_take_page(monitor->planner, rows, page->count, &page_end, is_new,
                                                monitor_now_us(monitor));
        take_other_rows(monitor, page, rows);
        take_new_rows(monitor, page, rows, is_new);
        discover_end_feed_page(monitor, step);
}

void feed_take_page(struct request_slot *slot, const struct search_page *page)
{
        struct monitor *monitor = slot->monitor;

        recorder_note_json(monitor->parts.recorder, slot->status_is_json, slot->result_is_json);
        switch (slot->request.order) {
        case PAGE_BY_UPDATED_ON:
                take_by_updated_on(monitor, slot->page, page);
                break;
        case PAGE_BY_CREATED_ON:
                discover_created_take_page(monitor, slot->page->records, slot->page->count, page);
                break;
        }
        feed_save(monitor, false);
}

/* ---- what is logged ---- */

/* Without the feed. */
static void log_discovery(struct monitor *monitor, const char *problem, const char *retry)
{
        if (problem != NULL && !monitor->search_refused_logged) {
                monitor->search_refused_logged = true;
                journal_print(monitor->parts.journal, LOG_WARNING,
                              "New jobs are not found: %s. Retrying in %s.", problem, retry);
        } else if (problem == NULL && monitor->search_refused_logged &&
                   planner_search_answers(monitor->planner)) {
                monitor->search_refused_logged = false;
                journal_print(monitor->parts.journal, LOG_NOTICE, "New jobs are found again.");
        }
}

void feed_note_failed_page(struct monitor *monitor, const struct planner_request *request,
                           const struct nexudus_response *response)
{
        bool once = monitor->parts.once;

        if (once)
                monitor->search_failure = response->failure;
        journal_print(monitor->parts.journal, once ? LOG_WARNING : LOG_DEBUG,
                      "A page of the search failed: %s.", response->explanation);
        if (request->order == PAGE_BY_CREATED_ON && response->failure != FAILURE_REFUSED && !once)
                discover_created_fail_page(monitor, response->too_large);
}

void feed_log(struct monitor *monitor)
{
        uint64_t now_us = monitor_now_us(monitor), retry_us = planner_feed_retry_us(monitor->planner);
        const char *problem = planner_feed_problem(monitor->planner, now_us);
        const char *discovery_problem = planner_discovery_problem(monitor->planner, now_us);
        char span[TIMESPAN_TEXT_MAX];
        const char *retry = timespan_format_rough(retry_us > now_us ? retry_us - now_us : 0, span);

        if (problem != NULL && !monitor->feed_off_logged) {
                monitor->feed_off_logged = true;
                journal_print(monitor->parts.journal, LOG_WARNING,
                              "The change feed is off: %s. Polling all jobs instead%s, retrying in %s.",
                              problem, discovery_problem != NULL ? ", finding no new ones" : "", retry);
        } else if (monitor->feed_off_logged && planner_feed_phase(monitor->planner) == FEED_PHASE_WORKING) {
                monitor->feed_off_logged = false;
                journal_print(monitor->parts.journal, LOG_NOTICE, "The change feed works again.");
        }
        log_discovery(monitor, problem == NULL ? discovery_problem : NULL, retry);
}

/* ---- the position ---- */

void feed_resume(struct monitor *monitor)
{
        struct store *store = state_store(monitor->parts.state);
        const char *base_url = monitor->parts.config->api.base_url, *rest;
        CLEANUP(cleanup_free) void *data = NULL;
        struct remote_time saved;
        size_t size;

        if (store_get_value(store, KEY_POSITION, &data, &size) <= 0)
                return;
        rest = remote_time_read(data, &saved);
        if (rest != NULL && *rest == ' ' && strcmp(rest + 1, base_url) == 0)
                planner_resume_feed(monitor->planner, &saved);
}

void feed_save(struct monitor *monitor, bool at_end)
{
        uint64_t now = monitor_now_us(monitor);
        char time[REMOTE_TIME_TEXT_MAX];

        if (!at_end && now < monitor->feed_saved_us + SAVE_US)
                return;
        if (monitor->feed_saved_ticks == planner_feed_newest(monitor->planner).ticks)
                return; /* it looks at all jobs, and cannot be later */
        const struct remote_time position = planner_feed_position(monitor->planner);
        if (position.form == REMOTE_TIME_NONE || position.ticks == monitor->feed_saved_ticks)
                return;
        CLEANUP(cleanup_free)
        char *value = format_message("%s %s", remote_time_write(&position, time),
                                     monitor->parts.config->api.base_url);
        state_put_value(monitor->parts.state, KEY_POSITION, value, strlen(value));
        monitor->feed_saved_ticks = position.ticks;
        monitor->feed_saved_us = now;
}
