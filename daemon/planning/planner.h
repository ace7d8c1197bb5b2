/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/status.h"
#include "planning/breaker.h"
#include "planning/planner_request.h"
#include "planning/planner_responses.h"
#include "planning/planner_rows.h"
#include "planning/rate_limiter.h"

/*
 * Decides which request is sent next, and when. Pure: time (CLOCK_BOOTTIME, microseconds) and randomness (any
 * 64-bit number) are arguments, so that a month of polling runs as a test in milliseconds.
 *
 * The caller asks planner_next() for requests until there is none, sends them, and passes each response to
 * the functions of planner_responses.h and planner_rows.h. Jobs, and the arrays in requests, belong to the
 * planner.
 */
struct planner;

/* `rules` are borrowed. Returns 0 or -ENOMEM. */
int planner_new(const struct planner_limits *limits, const struct status_rules *rules, size_t job_count,
                struct planner **ret_planner);

/* Takes NULL, returns NULL. */
struct planner *planner_free(struct planner *planner);

/* The array of jobs: the caller fills in id, settings and watch before planner_start() of each. */
struct planner_job *planner_jobs(struct planner *planner);

/* Starts polling a job after `delay_us`. */
void planner_start(struct planner *planner, struct planner_job *job, uint64_t now_us, uint64_t delay_us);

/* ---- requests ---- */

/*
 * Returns true with the request to be sent now, which then counts as in flight. Returns false if there is
 * none; *ret_wake_us is then when to ask again (USEC_NEVER: after the next response, or never).
 */
bool planner_next(struct planner *planner, uint64_t now_us, struct planner_request *ret_request,
                  uint64_t *ret_wake_us);

/*
 * With reports_sent: a request has been sent, or has ended without that. Connecting may take a while, and
 * spacing counts from the sending, so planner_next() hands out nothing between a request and this call.
 */
void planner_note_sent(struct planner *planner, uint64_t now_us);

/* A request was not sent: its jobs are due again. Instead of planner_end_request(). */
void planner_abort(struct planner *planner, const struct planner_request *request, uint64_t now_us);

/* With `once`: drops all scheduled polls and calls back for each job. */
void planner_abandon(struct planner *planner, void (*abandoned)(void *userdata, struct planner_job *job),
                     void *userdata);

/* No requests before this time: the API asked for that in an earlier run. */
void planner_pause(struct planner *planner, uint64_t until_us);

/* ---- sign-in ---- */

/* The earliest time at which a sign-in may be sent; USEC_NEVER while a probe is in flight. */
uint64_t planner_sign_in_at(const struct planner *planner, uint64_t now_us);

/* A sign-in starts: a request without jobs, which ends like any other. It spends by planner_spend(). */
void planner_begin_sign_in(struct planner *planner, struct planner_request *ret_request);

/* A request is sent that did not come from planner_next(). */
void planner_spend(struct planner *planner, uint64_t now_us);

/* ---- reload ---- */

/*
 * Continues the work of another planner: circuit breaker, rate limiter, knowledge about batches, and the
 * number of requests in flight. Jobs are matched by id: those in both continue under their new settings and
 * are marked `adopted`; the caller fills in and starts the others. The caller replaces the jobs in requests
 * in flight by planner_find_job(), then frees the old planner. Returns 0, or -ENOMEM with nothing changed.
 */
int planner_adopt(struct planner *planner, const struct planner *old, uint64_t now_us);

/* The job with that id, or NULL. Only after planner_adopt(). */
struct planner_job *planner_find_job(struct planner *planner, uint64_t id);

/* The server has changed: closes the circuit breaker and ends its pause. No probe may be in flight. */
void planner_reset_breaker(struct planner *planner);

/* ---- inspection ---- */

/* Nothing is scheduled or in flight. */
bool planner_is_idle(const struct planner *planner);

/* When the next poll is due; USEC_NEVER if none is scheduled. */
uint64_t planner_next_due(const struct planner *planner);

/* True while batches are in use. */
bool planner_batches(const struct planner *planner);

/* Time the rate limits need in the long run for one poll of each of `jobs` jobs; 0 without limits. */
uint64_t planner_round_us(const struct planner *planner, size_t jobs);

struct rate_limiter *planner_rate_limiter(struct planner *planner);
const struct breaker *planner_breaker(const struct planner *planner);
