/* SPDX-License-Identifier: MIT */

/*
 * The steps of a diagnosis are made one after another; those whose result is known are left out.
 *
 *     page with each value of `dir` ──> a job by itself ──> a batch that has this job ──> ended
 *
 * It ends early if the API cannot be asked. A failure of a request says something, too: the next step
 * follows.
 */

#include "monitor/diagnosis.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/remote_time.h"
#include "monitor/poll_state.h"
#include "planning/feed.h"
#include "util/memory.h"
#include "util/timespan.h"

/* So many requests at once, and then one in this time: polls go on, however often clients ask. */
#define SHARE_BURST     (4 * DIAGNOSIS_REQUESTS_MAX)
#define SHARE_PERIOD_US (10 * USEC_PER_SEC)

/* How long a request may wait for the rate limits. */
#define WAIT_MAX_US (20 * USEC_PER_SEC)

/* A result that nobody has read is not kept for longer. */
#define RESULT_MAX_US USEC_PER_MIN

/* Steps from 0 are pages by each value of `dir`. */
#define STEP_SINGLE FEED_DIRECTIONS
#define STEP_BATCH  (FEED_DIRECTIONS + 1)
#define STEP_END    (FEED_DIRECTIONS + 2)

#define PAGE_SIZE DIAGNOSIS_IDS_MAX

const char *const diagnosis_fields[DIAGNOSIS_FIELDS] = {
        "Status",     "ResultData",   "JobId",     "Description", "Files",     "BusinessName",
        "BusinessId", "UserFullName", "UserEmail", "CreatedOn",   "UpdatedOn",
};

/* Rows of a response, which count only when it is complete. */
struct rows {
        size_t count, id_count;
        uint64_t ids[DIAGNOSIS_IDS_MAX]; /* the first is that of the fullest row */
        unsigned fields, fullest, job_fields, forms;
        bool has_job, fractions, ascending, descending;
        struct remote_time last;
};

struct diagnosis_run {
        struct diagnosis result;
        struct rows rows;
        unsigned step, requests;
        bool in_flight, ended, unread;
        uint64_t deadline_us; /* CLOCK_BOOTTIME: until then it may wait for its next request */
        uint64_t ended_us;
        void (*on_end)(void *userdata);
        void *userdata;
};

static bool is_running(const struct monitor *monitor)
{
        return monitor->diagnosis != NULL && !monitor->diagnosis->ended;
}

static void end(struct monitor *monitor)
{
        struct diagnosis_run *run = monitor->diagnosis;

        run->ended = run->unread = true;
        run->ended_us = monitor_now_us(monitor);
        run->on_end(run->userdata);
}

const struct diagnosis *monitor_diagnose(struct monitor *monitor, void (*on_end)(void *userdata),
                                         void *userdata)
{
        struct diagnosis_run *run = monitor->diagnosis;
        uint64_t now_us = monitor_now_us(monitor);

        if (monitor->stopped || is_running(monitor))
                return NULL;
        if (run != NULL && run->unread && now_us - run->ended_us < RESULT_MAX_US) {
                run->unread = false;
                return &run->result;
        }
        if (run == NULL)
                run = monitor->diagnosis = memory_malloc(NULL, sizeof(*run));
        *run = (struct diagnosis_run){
                .deadline_us = now_us + WAIT_MAX_US,
                .on_end = on_end,
                .userdata = userdata,
        };
        monitor_poll_soon(monitor);
        return NULL;
}

struct diagnosis_seen monitor_seen(const struct monitor *monitor)
{
        return monitor->seen;
}

/* ---- steps ---- */

/* If no page has shown any job, those that are watched are known. */
static void take_watched_jobs(const struct monitor *monitor, struct diagnosis *result)
{
        for (size_t i = 0; i < monitor->jobs.count && result->id_count < DIAGNOSIS_IDS_MAX; i++)
                result->ids[result->id_count++] = monitor->jobs.jobs[i]->planning.id;
}

static struct diagnosis_answer *answer_of(struct diagnosis_run *run)
{
        if (run->step < STEP_SINGLE)
                return &run->result.pages[run->step].answer;
        return run->step == STEP_SINGLE ? &run->result.single : &run->result.batch;
}

/* Whether a page failed: another `dir` would not change that. */
static bool search_fails(const struct diagnosis *result)
{
        for (size_t i = 0; i < FEED_DIRECTIONS; i++)
                if (result->pages[i].answer.asked && !result->pages[i].answer.answered)
                        return true;
        return false;
}

static bool is_needed(const struct monitor *monitor, struct diagnosis_run *run)
{
        struct diagnosis *result = &run->result;

        if (run->step < STEP_SINGLE) {
                result->known[run->step] = planner_feed_phase(monitor->planner) == FEED_PHASE_WORKING &&
                                           planner_feed_direction(monitor->planner) == run->step;
                return !result->known[run->step] && !search_fails(result);
        }
        if (result->id_count == 0)
                take_watched_jobs(monitor, result);
        return result->id_count > 0;
}

static const char *obstacle(const struct monitor *monitor, uint64_t now_us)
{
        const struct diagnosis_run *run = monitor->diagnosis;

        if (planner_breaker(monitor->planner)->state != BREAKER_CLOSED)
                return failure_to_string(planner_breaker(monitor->planner)->failure);
        if (run->deadline_us <= now_us)
                return "the rate limits leave no request at present";
        return run->requests == DIAGNOSIS_REQUESTS_MAX ? "too many requests" : NULL;
}

bool diagnosis_next(struct monitor *monitor, bool may_send, uint64_t now_us,
                    struct planner_request *ret_request, uint64_t *wake_us)
{
        struct diagnosis_run *run = monitor->diagnosis;
        uint64_t at_us = USEC_NEVER;

        if (!is_running(monitor) || run->in_flight)
                return false;
        while (run->step < STEP_END && !is_needed(monitor, run))
                run->step++;
        if (run->step == STEP_END || obstacle(monitor, now_us) != NULL) {
                end(monitor);
                return false;
        }
        if (monitor->diagnosis_share_us > now_us + (SHARE_BURST - 1) * SHARE_PERIOD_US) {
                at_us = monitor->diagnosis_share_us - (SHARE_BURST - 1) * SHARE_PERIOD_US;
        } else if (may_send && planner_begin_search(monitor->planner, now_us, ret_request, &at_us)) {
                if (monitor->diagnosis_share_us < now_us)
                        monitor->diagnosis_share_us = now_us;
                monitor->diagnosis_share_us += SHARE_PERIOD_US;
                ret_request->kind = REQUEST_DIAGNOSIS;
                run->in_flight = answer_of(run)->asked = true;
                run->requests++;
                run->rows = (struct rows){ .count = 0 };
                return true;
        }
        if (at_us != USEC_NEVER && at_us > run->deadline_us) /* it would wait in vain */
                end(monitor);
        else
                *wake_us = time_earlier(*wake_us, time_earlier(run->deadline_us, at_us));
        return false;
}

void diagnosis_send(struct request_slot *slot, nexudus_row_handler on_row, nexudus_handler on_response)
{
        const struct diagnosis_run *run = slot->monitor->diagnosis;
        const struct diagnosis *result = &run->result;
        struct nexudus *nexudus = slot->monitor->parts.nexudus;
        const struct nexudus_batch batch = { .ids = result->ids,
                                             .count = result->id_count,
                                             .on_row = on_row };

        if (run->step == STEP_SINGLE) {
                slot->http = nexudus_get_job(nexudus, result->ids[0], on_response, slot);
        } else if (run->step == STEP_BATCH) {
                slot->http = nexudus_get_jobs(nexudus, &batch, on_response, slot);
        } else {
                const struct nexudus_search search = {
                        .order = NEXUDUS_BY_UPDATED_ON,
                        .direction = feed_direction(run->step),
                        .page = 1,
                        .size = PAGE_SIZE,
                        .on_row = on_row,
                };
                slot->http = nexudus_search(nexudus, &search, on_response, slot);
        }
}

enum endpoint diagnosis_endpoint(const struct monitor *monitor)
{
        const unsigned step = monitor->diagnosis->step;

        return step == STEP_SINGLE ? ENDPOINT_SINGLE : step == STEP_BATCH ? ENDPOINT_BATCH : ENDPOINT_SEARCH;
}

/* ---- rows ---- */

static unsigned fields_of(const struct job_record *record)
{
        const bool present[DIAGNOSIS_FIELDS] = {
                record->status.data != NULL,     record->result.data != NULL,
                record->guid.data != NULL,       record->description.data != NULL,
                record->files.data != NULL,      record->business.data != NULL,
                record->business_id != 0,        record->user.data != NULL,
                record->email.data != NULL,      record->created_on.data != NULL,
                record->updated_on.data != NULL,
        };
        unsigned fields = 0;

        for (unsigned i = 0; i < DIAGNOSIS_FIELDS; i++)
                fields |= (unsigned)present[i] << i;
        return fields;
}

static void note_time(struct rows *rows, const struct text *text)
{
        const struct remote_time time = remote_time_parse(text);

        if (time.form == REMOTE_TIME_NONE)
                return;
        rows->forms |= 1U << time.form;
        rows->fractions |= !time.whole_second;
}

static void add_id(struct rows *rows, uint64_t id, unsigned fields)
{
        if (id == 0 || rows->id_count == DIAGNOSIS_IDS_MAX)
                return;
        rows->ids[rows->id_count++] = id;
        if (__builtin_popcount(fields) <= __builtin_popcount(rows->fullest))
                return;
        rows->fullest = fields;
        rows->ids[rows->id_count - 1] = rows->ids[0];
        rows->ids[0] = id;
}

static void add_row(struct rows *rows, const struct job_record *row)
{
        const struct remote_time updated = remote_time_parse(&row->updated_on);
        const unsigned fields = fields_of(row);

        if (remote_time_comparable(&rows->last, &updated)) {
                rows->ascending |= updated.ticks > rows->last.ticks;
                rows->descending |= updated.ticks < rows->last.ticks;
        }
        rows->last = updated;
        rows->fields |= fields;
        note_time(rows, &row->updated_on);
        note_time(rows, &row->created_on);
        add_id(rows, row->id, fields);
        rows->count++;
}

void diagnosis_take_row(struct request_slot *slot, const struct job_record *row)
{
        struct diagnosis_run *run = slot->monitor->diagnosis;

        add_row(&run->rows, row);
        if (run->step == STEP_BATCH && row->id == run->result.ids[0]) {
                run->rows.has_job = true;
                run->rows.job_fields = fields_of(row);
        }
}

/* ---- responses ---- */

static enum diagnosis_order order_of(const struct rows *rows)
{
        if (rows->ascending && rows->descending)
                return DIAGNOSIS_ORDER_NONE;
        return rows->descending  ? DIAGNOSIS_ORDER_NEWEST
               : rows->ascending ? DIAGNOSIS_ORDER_OLDEST
                                 : DIAGNOSIS_ORDER_UNKNOWN;
}

static void take_page(struct diagnosis_run *run, const struct search_page *page)
{
        struct diagnosis *result = &run->result;
        struct diagnosis_page *kept = &result->pages[run->step];

        kept->order = order_of(&run->rows);
        kept->rows = run->rows.count;
        kept->fields = run->rows.fields;
        kept->has_total = page->has_total;
        kept->has_number = page->number != 0;
        if (result->id_count > 0)
                return;
        result->id_count = run->rows.id_count;
        for (size_t i = 0; i < result->id_count; i++)
                result->ids[i] = run->rows.ids[i];
}

static void take_success(struct diagnosis_run *run, const struct nexudus_response *response)
{
        struct diagnosis *result = &run->result;

        if (run->step == STEP_SINGLE) {
                add_row(&run->rows, response->record);
                result->single_fields = run->rows.fields;
        } else if (run->step == STEP_BATCH) {
                result->batch_rows = run->rows.count;
                result->batch_has_job = run->rows.has_job;
                result->batch_fields = run->rows.job_fields;
        } else {
                take_page(run, response->page);
        }
        result->forms |= run->rows.forms;
        result->fractions |= run->rows.fractions;
}

void diagnosis_take_response(struct monitor *monitor, const struct nexudus_response *response)
{
        struct diagnosis_run *run = monitor->diagnosis;
        struct diagnosis_answer *answer = answer_of(run);

        answer->failure = response->failure;
        answer->blocked = response->blocked;
        answer->answered = response->failure == FAILURE_NONE;
        (void)snprintf(answer->explanation, sizeof(answer->explanation), "%s", response->explanation);
        if (answer->answered)
                take_success(run, response);
        run->in_flight = false;
        run->deadline_us = monitor_now_us(monitor) + WAIT_MAX_US;
        run->step++;
}

void diagnosis_note_cancelled(struct monitor *monitor)
{
        monitor->diagnosis->in_flight = false;
}

void diagnosis_clear(struct monitor *monitor)
{
        free(monitor->diagnosis);
        monitor->diagnosis = NULL;
}
