/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "nexudus/nexudus.h"
#include "planning/planner.h"

struct batch_row;
struct page_rows;
struct monitor;

/* Most requests in flight at a time. At 100 ms from one request to the next, more would gain nothing. */
#define MAX_IN_FLIGHT 8

/* One request in flight. */
struct request_slot {
        struct monitor *monitor; /* NULL: the slot is free */
        struct planner_request request;
        struct nexudus_request *http;
        uint64_t started_us; /* by clock_process_us(), since much may happen in one iteration of the loop */
        unsigned generation; /* of the token that the request carries */
        bool sent;           /* the planner knows that the request was sent, or will not be */

        /* Of a batch: see batch.h. */
        struct batch_row *rows; /* one per job of the request; owned */
        size_t expected;  /* index at which the next row is searched for first; rows mostly come in order */
        bool may_believe; /* rows of the batch, without a confirmation */
        bool seen_result; /* some row had a ResultData */
        bool seen_job;    /* of REQUEST_GONE_CHECK: there was a row for the job */
        struct page_rows *page;              /* of a page of the search: see feed.h; owned */
        bool status_is_json, result_is_json; /* of some row: see model/record.h */
};
