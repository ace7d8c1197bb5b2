/* SPDX-License-Identifier: MIT */

/* The life of a request: free slot, started, sent, answered or cancelled, free slot. */

#include "monitor/requests.h"

#include <assert.h>

#include "monitor/batch.h"
#include "monitor/diagnosis.h"
#include "monitor/feed.h"
#include "monitor/recent.h"
#include "monitor/response.h"
#include "planning/feed_rows.h"
#include "platform/clock.h"

static void release(struct request_slot *slot)
{
        batch_clear(slot);
        feed_clear(slot);
        *slot = (struct request_slot){ .monitor = NULL };
}

/* The request was sent, or has ended without that. Informs the planner once. */
static void note_sent(struct request_slot *slot)
{
        if (slot->sent)
                return;
        slot->sent = true;
        planner_note_sent(slot->monitor->planner, monitor_now_us(slot->monitor));
}

static void cancel(struct request_slot *slot)
{
        nexudus_cancel(slot->http);
        note_sent(slot);
        planner_end_request(slot->monitor->planner, &slot->request, monitor_now_us(slot->monitor));
        response_requeue(slot);
        release(slot);
}

/* ---- counts ---- */

void requests_count(struct monitor *monitor, enum endpoint endpoint, enum failure failure,
                    uint64_t duration_us)
{
        struct request_counts *counts = &monitor->request_counts;

        counts->results[endpoint][failure]++;
        if (failure == FAILURE_THROTTLED)
                monitor->seen.throttled_us = monitor_now_us(monitor);
        histogram_add(&counts->durations[endpoint], duration_us);
        if (failure == FAILURE_NONE)
                counts->success_us = clock_wall_us();
}

static enum endpoint endpoint_of(const struct request_slot *slot)
{
        switch (slot->request.kind) {
        case REQUEST_SINGLE:
                return ENDPOINT_SINGLE;
        case REQUEST_PAGE:
        case REQUEST_SEARCH:
                return ENDPOINT_SEARCH;
        case REQUEST_SIGN_IN:
                return ENDPOINT_TOKEN;
        case REQUEST_DIAGNOSIS:
                return diagnosis_endpoint(slot->monitor);
        case REQUEST_BATCH:
        case REQUEST_CHECK:
        case REQUEST_GONE_CHECK:
                break;
        }
        return ENDPOINT_BATCH;
}

static void count_response(struct request_slot *slot, enum failure failure)
{
        struct monitor *monitor = slot->monitor;
        const struct planner_request *request = &slot->request;

        requests_count(monitor, endpoint_of(slot), failure, clock_process_us() - slot->started_us);
        if (failure == FAILURE_NONE && request->kind == REQUEST_PAGE && request->order == PAGE_BY_UPDATED_ON)
                monitor->request_counts.feed_success_us = monitor->request_counts.success_us;
}

/* A response that was sent late makes this clock seem to be ahead, by the time of the request at most. */
static void note_clock(struct monitor *monitor, const struct nexudus_response *response)
{
        if (response->date_us == 0)
                return;
        monitor->seen.has_clock = true;
        monitor->seen.clock_ahead_us = (int64_t)(clock_wall_us() - response->date_us);
}

/* ---- callbacks of the API client ---- */

static void on_row(void *userdata, struct job_record *row)
{
        struct request_slot *slot = userdata;

        switch (slot->request.kind) {
        case REQUEST_BATCH:
                batch_take_row(slot, row);
                break;
        case REQUEST_GONE_CHECK:
                slot->seen_job |= row->id == slot->request.jobs[0]->id;
                break;
        case REQUEST_PAGE:
        case REQUEST_SEARCH:
                feed_take_row(slot, row);
                break;
        case REQUEST_DIAGNOSIS:
                diagnosis_take_row(slot, row);
                break;
        case REQUEST_CHECK: /* whatever the rows are, the API works */
        case REQUEST_SINGLE:
        case REQUEST_SIGN_IN:
                break;
        }
}

static void on_sent(void *userdata)
{
        struct request_slot *slot = userdata;

        note_sent(slot);
        slot->monitor->poll_due(slot->monitor);
}

static void on_response(void *userdata, const struct nexudus_response *response)
{
        struct request_slot *slot = userdata;
        struct monitor *monitor = slot->monitor;

        note_sent(slot);
        count_response(slot, response->failure);
        note_clock(monitor, response);
        planner_end_request(monitor->planner, &slot->request, monitor_now_us(monitor));
        response_take(slot, response);
        release(slot);
        monitor->poll_due(monitor);
}

void requests_attach(struct monitor *monitor)
{
        nexudus_set_sent_handler(monitor->parts.nexudus, on_sent);
}

/* ---- start ---- */

static void send_batch(struct request_slot *slot)
{
        const struct planner_request *request = &slot->request;
        uint64_t ids[PLANNER_BATCH_MAX];
        const struct nexudus_batch batch = { .ids = ids, .count = request->count, .on_row = on_row };

        if (request->kind == REQUEST_BATCH)
                batch_prepare(slot);
        slot->may_believe =
                request->kind == REQUEST_BATCH &&
                planner_may_believe_batches(slot->monitor->planner, monitor_now_us(slot->monitor));
        for (size_t i = 0; i < request->count; i++)
                ids[i] = request->jobs[i]->id;
        slot->http = nexudus_get_jobs(slot->monitor->parts.nexudus, &batch, on_response, slot);
}

static void send_page(struct request_slot *slot)
{
        const struct planner_request *request = &slot->request;
        const struct nexudus_search search = {
                .order = request->order == PAGE_BY_UPDATED_ON ? NEXUDUS_BY_UPDATED_ON : NEXUDUS_BY_CREATED_ON,
                .direction = request->page.direction,
                .page = request->page.page,
                .size = request->page.size,
                .business = request->kind == REQUEST_SEARCH ? recent_business(slot->monitor) : 0,
                .on_row = on_row,
        };

        feed_prepare(slot);
        slot->http = nexudus_search(slot->monitor->parts.nexudus, &search, on_response, slot);
}

static void send_request(struct request_slot *slot)
{
        const struct planner_request *request = &slot->request;

        switch (request->kind) {
        case REQUEST_SINGLE:
                slot->http = nexudus_get_job(slot->monitor->parts.nexudus, request->jobs[0]->id, on_response,
                                             slot);
                break;
        case REQUEST_BATCH:
        case REQUEST_CHECK:
        case REQUEST_GONE_CHECK:
                send_batch(slot);
                break;
        case REQUEST_PAGE:
        case REQUEST_SEARCH:
                send_page(slot);
                break;
        case REQUEST_DIAGNOSIS:
                diagnosis_send(slot, on_row, on_response);
                break;
        case REQUEST_SIGN_IN: /* not by the planner */
                assert(false);
        }
}

/* The planner starts no more requests than there are slots. */
static struct request_slot *find_free_slot(struct monitor *monitor)
{
        size_t i = 0;

        while (i < MAX_IN_FLIGHT - 1 && monitor->slots[i].monitor != NULL)
                i++;
        assert(monitor->slots[i].monitor == NULL);
        return &monitor->slots[i];
}

void requests_start(struct monitor *monitor, const struct planner_request *request)
{
        struct request_slot *slot = find_free_slot(monitor);

        *slot = (struct request_slot){ .monitor = monitor,
                                       .request = *request,
                                       .started_us = clock_process_us() };
        slot->generation = monitor->parts.session != NULL ? session_generation(monitor->parts.session)
                                                          : nexudus_token_generation(monitor->parts.nexudus);
        send_request(slot);
}

/* ---- all requests ---- */

void requests_cancel(struct monitor *monitor)
{
        for (size_t i = 0; i < MAX_IN_FLIGHT; i++)
                if (monitor->slots[i].monitor != NULL)
                        cancel(&monitor->slots[i]);
}

void requests_clear(struct monitor *monitor)
{
        for (size_t i = 0; i < MAX_IN_FLIGHT; i++)
                if (monitor->slots[i].monitor != NULL) {
                        nexudus_cancel(monitor->slots[i].http);
                        release(&monitor->slots[i]);
                }
}

void requests_drop_removed(struct monitor *monitor)
{
        for (size_t i = 0; i < MAX_IN_FLIGHT; i++) {
                struct request_slot *slot = &monitor->slots[i];

                if (slot->monitor == NULL || slot->request.count == 0)
                        continue;
                batch_drop_removed(slot);
                if (slot->request.count == 0)
                        cancel(slot);
        }
}
