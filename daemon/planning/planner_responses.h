/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/watch.h"
#include "planning/breaker.h"
#include "planning/planner_request.h"

/*
 * Part of the interface of the planner (planner.h): responses. Times are CLOCK_BOOTTIME in microseconds,
 * `random` is any 64-bit number.
 *
 * For each request that was sent, planner_end_request() is called first. If the response concerns the API or
 * the request as a whole, planner_take_outage(), planner_requeue() or, for a batch, planner_disable_batches()
 * or planner_halve_batches() follows. Otherwise planner_take_success() follows and then, for each job of the
 * request, one of: planner_take_record() or planner_take_not_found(), with planner_complete();
 * planner_take_unexpected(); planner_apply_row() (planner_rows.h).
 */
struct planner;

/* A request has ended, whatever the response. */
void planner_end_request(struct planner *planner, const struct planner_request *request, uint64_t now_us);

/* The API has answered. Returns true if that ends an outage, which has lasted *ret_lasted_us. */
bool planner_take_success(struct planner *planner, const struct planner_request *request, uint64_t now_us,
                          uint64_t *ret_lasted_us);

/*
 * The API as a whole has failed. All jobs of the request are due again, except with `once`. `retry_after_us`
 * is what the server asked for, 0 for nothing. Returns true if this is a new outage.
 */
bool planner_take_outage(struct planner *planner, const struct planner_request *request, enum outage outage,
                         uint64_t retry_after_us, uint64_t now_us, uint64_t random);

/*
 * The response is no evidence, neither of the API nor of the jobs (the token had expired): they are due
 * again.
 */
void planner_requeue(struct planner *planner, const struct planner_request *request, uint64_t now_us);

/*
 * A record, from a single request or from a row with the verdict ROW_FIRST or ROW_FIRST_WITHOUT_RESULT. The
 * caller records the event (has_event) or stores the result (result_read), then calls planner_complete().
 */
struct observation planner_take_record(struct planner *planner, struct planner_job *job,
                                       const struct job_record *record, uint64_t now_us);

/* A single request was answered 404. As above. */
struct observation planner_take_not_found(struct planner *planner, struct planner_job *job, uint64_t now_us);

/*
 * Completes planner_take_record() or planner_take_not_found(). `recorded`: what was to be recorded or stored
 * is. `seen` is job_memory_of() the record; NULL if not found.
 */
void planner_complete(struct planner *planner, struct planner_job *job, const struct observation *observation,
                      bool recorded, const struct job_memory *seen, uint64_t now_us, uint64_t random);

/* A single request had an unexpected response. */
void planner_take_unexpected(struct planner *planner, struct planner_job *job, uint64_t now_us,
                             uint64_t random);

/* A batch was refused (400, 403, 404, 405, 414) or had an unexpected response: no batches for an hour. */
void planner_disable_batches(struct planner *planner, const struct planner_request *request, uint64_t now_us);

/* The response to a batch was too large: halves the batch size. */
void planner_halve_batches(struct planner *planner, const struct planner_request *request, uint64_t now_us);
