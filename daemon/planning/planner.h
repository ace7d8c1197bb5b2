/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "planning/attribution.h"
#include "planning/planner_job.h"
#include "planning/planner_state.h"
#include "planning/records.h"
#include "planning/rows.h"

/*
 * Which request is made next, and what a response means for the requests after it. Pure: time
 * (CLOCK_BOOTTIME, microseconds, never 0) and randomness (any 64-bit number) are arguments, so that a month
 * of polling runs as a test in milliseconds.
 *
 * The caller asks planner_next() for requests until there is none, makes them, and reports each response:
 *
 *      planner_end_request(), then planner_failed(), or planner_succeeded() and for each job
 *      planner_take_record() … planner_complete(), or planner_apply_row().
 *
 * Jobs are the caller's, and come and go while the planner runs.
 */
struct planner;

/* The rules are borrowed. */
struct planner *planner_new(const struct planner_limits *limits, const struct status_rules *rules);

/* The jobs must still exist. Takes NULL, returns NULL. */
struct planner *planner_free(struct planner *planner);

/* Other limits and rules, as after a reload. What was learned of the API stays. */
void planner_set_limits(struct planner *planner, const struct planner_limits *limits,
                        const struct status_rules *rules, uint64_t now_us);

/* Someone may have corrected what was wrong: gone jobs are polled, and an outage is probed, at once. */
void planner_hurry(struct planner *planner, uint64_t now_us);

/*
 * The API is another one: nothing is known of its state, and no job waits longer than its interval. No
 * request is in flight.
 */
void planner_reset_api(struct planner *planner, uint64_t now_us);

/* ---- jobs ---- */

/*
 * Adds a job. It is borrowed until planner_remove_job(); id, settings and watch are filled in, and all else
 * is 0. It is not polled before planner_start_job().
 */
void planner_add_job(struct planner *planner, struct planner_job *job);

/* Starts to poll a job, at once or after a span. It is in no queue. */
void planner_start_job(struct planner *planner, struct planner_job *job, uint64_t now_us, uint64_t span_us);

/* Other settings for a job. All that is known of it stays; a shorter interval takes effect at once. */
void planner_update_job(struct planner *planner, struct planner_job *job,
                        const struct planner_settings *settings, uint64_t now_us);

/*
 * Someone wants to know: the job is due now, one that has ended too. It is not if it is in flight, or if the
 * API has asked to wait with it.
 */
void planner_poll_job(struct planner *planner, struct planner_job *job, uint64_t now_us);

/*
 * The job is not polled any more, and job->removed is set. Before the caller frees it, he takes it out of
 * each request in flight. A request for no other job is cancelled: planner_end_request(), planner_requeue().
 */
void planner_remove_job(struct planner *planner, struct planner_job *job);

/* ---- the start of a run ---- */

/* The buckets of the rate limiter are empty: an earlier run may have used them. */
void planner_begin_empty(struct planner *planner, uint64_t now_us);

/* No request before this time: the API asked for it in an earlier run. */
void planner_pause(struct planner *planner, uint64_t until_us);

/* ---- requests ---- */

/*
 * The request to make now, if there is one: it counts as made, and its jobs as in flight. Returns false if
 * there is none; *ret_wake_us is then when to ask again (USEC_NEVER: after the next response, or never).
 */
bool planner_next(struct planner *planner, uint64_t now_us, struct planner_request *ret_request,
                  uint64_t *ret_wake_us);

/*
 * A page of the search for a client: a request without jobs that ends like any other. Returns false if none
 * may be made now; *ret_wake_us is then when to ask again (USEC_NEVER: after the next response).
 */
bool planner_begin_search(struct planner *planner, uint64_t now_us, struct planner_request *ret_request,
                          uint64_t *ret_wake_us);

/* The earliest time at which a sign-in may start; USEC_NEVER while a probe is in flight. */
uint64_t planner_sign_in_at(const struct planner *planner, uint64_t now_us);

/*
 * The same for a login that a person waits for: not before the limits and a pause allow it, but during an
 * outage too.
 */
uint64_t planner_login_at(const struct planner *planner, uint64_t now_us);

/* A sign-in starts: a request without jobs that ends like any other. Counted by planner_spend(). */
void planner_begin_sign_in(struct planner *planner, struct planner_request *ret_request);

/* A request is made that planner_next() did not hand out. */
void planner_spend(struct planner *planner, uint64_t now_us);

/*
 * With reports_sent: a request is sent now, or will not be any more. Between planner_next() and this call a
 * connection may have to be made. What counts for the distance of two requests is when they arrive, so no
 * other is handed out meanwhile.
 */
void planner_note_sent(struct planner *planner, uint64_t now_us);

/* The request is not in flight any more. To be called first for each response. */
void planner_end_request(struct planner *planner, const struct planner_request *request, uint64_t now_us);

/*
 * After planner_end_request(): the request was cancelled or says nothing of the API or its jobs, as with an
 * expired token. Its jobs are due again.
 */
void planner_requeue(struct planner *planner, const struct planner_request *request, uint64_t now_us);

/* With `once`: nothing more is requested. Calls back for each job that is left. */
void planner_abandon(struct planner *planner, void (*abandoned)(void *userdata, struct planner_job *job),
                     void *userdata);

/* True if no job is polled any more, gone ones aside, and no request is in flight or waits to be made. */
bool planner_is_idle(const struct planner *planner);

/* ---- what it knows ---- */

const struct rate_limiter *planner_rate_limiter(const struct planner *planner);
const struct breaker *planner_breaker(const struct planner *planner);
const struct throttle *planner_throttle(const struct planner *planner);

/* How many ids may go into one request at present; below 2: no batches. */
unsigned planner_batch_size(const struct planner *planner, uint64_t now_us);

/*
 * How long it takes in the long run under the limits to find out once whether any of so many jobs has
 * changed; 0 without limits.
 */
uint64_t planner_round_us(const struct planner *planner, size_t jobs, uint64_t now_us);

/* When the next poll is due, if nothing prevents it; USEC_NEVER if none is planned. */
uint64_t planner_next_due(const struct planner *planner);

/* How long the poll of an open job that is most overdue has been due; 0: none is overdue. */
uint64_t planner_lag_us(const struct planner *planner, uint64_t now_us);
