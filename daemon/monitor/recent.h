/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/record.h"
#include "monitor/request_slot.h"

struct monitor;

/*
 * The latest jobs of the account, watched or not, as a client wants to see them: pages of the search by
 * CreatedOn, within the rate limits. Searches are made one after another.
 */

/* Rows of a result, and so the largest `limit`. */
#define RECENT_ROWS_MAX 100

/* A row has to match all that is given. */
struct recent_query {
        size_t limit;      /* 1 to RECENT_ROWS_MAX */
        uint64_t business; /* the ID of its location; 0: any */
        const char
                *description; /* a pattern of util/glob.h; NULL: any. Borrowed until the handler is called */
};

/*
 * Called once, from the loop: with the newest jobs that match, the newest first, without their ResultData; or
 * with an error, which says why the API cannot be asked. All is borrowed.
 */
typedef void (*recent_handler)(void *userdata, const char *error, const struct job_record rows[],
                               size_t count);

/* Returns 0, or -EBUSY if too many are in progress, or -ESHUTDOWN; then the handler is not called. */
int monitor_search_recent(struct monitor *monitor, const struct recent_query *query, recent_handler handler,
                          void *userdata);

/* ---- for the files of the monitor ---- */

/* Whether a search waits for a request. */
bool recent_is_waiting(const struct monitor *monitor);

/*
 * Ends searches that have waited for too long or can get no answer. Returns whether one makes a request now,
 * which is to be started; unless it `may_send`, none does. Lowers *wake_us to when this is to be called
 * again.
 */
bool recent_next(struct monitor *monitor, bool may_send, uint64_t now_us, struct planner_request *ret_request,
                 uint64_t *wake_us);

/* The location that the search in progress is for; 0: any. */
uint64_t recent_business(const struct monitor *monitor);

/* The request of a slot has ended: with a page, with a failure, or it was cancelled and is to be sent again.
 */
void recent_take_page(struct request_slot *slot, const struct search_page *page);
void recent_take_failure(struct monitor *monitor, const char *explanation);
void recent_note_cancelled(struct monitor *monitor);

/* Ends all searches. */
void recent_stop(struct monitor *monitor);
