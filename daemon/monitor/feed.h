/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/record.h"
#include "monitor/request_slot.h"
#include "nexudus/nexudus.h"
#include "nexudus/search_page.h"

/*
 * Pages of the search: their rows are held until the document is complete. What they show of watched jobs is
 * confirmed or observed, rows of other jobs may be new jobs (discover.h), and the position of the feed is
 * saved in the state.
 */

/* Prepares the slot of a page for its rows. */
void feed_prepare(struct request_slot *slot);

/* A row has arrived. Takes the texts out of the record, which stays the caller's. */
void feed_take_row(struct request_slot *slot, struct job_record *row);

/* The document is complete: takes all rows. */
void feed_take_page(struct request_slot *slot, const struct search_page *page);

/* The rows of a page; what is wanted of them may be moved out. */
struct job_record *feed_page_rows(struct request_slot *slot, size_t *ret_count);

/* Frees the rows. */
void feed_clear(struct request_slot *slot);

/* Continues from the position of an earlier run. To be called before the first request and state_start(). */
void feed_resume(struct monitor *monitor);

/* A page failed, which is not charged to the API. With `once` it is not tried again, and a warning. */
void feed_note_failed_page(struct monitor *monitor, const struct planner_request *request,
                           const struct nexudus_response *response);

/*
 * Logs that the feed is off, or no new jobs are found, or that this is over, once each. To be called after
 * each response.
 */
void feed_log(struct monitor *monitor);

/* Saves the position, unless that was done less than 10 s ago; at the end of a run in any case. */
void feed_save(struct monitor *monitor, bool at_end);
