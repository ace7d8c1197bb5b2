/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "planning/planner_job.h"
#include "planning/planner_state.h"

/* Whether the API as a whole fails: witnesses, streaks of failures, and check requests. */

/* The circuit breaker is not closed. */
static inline bool planner_is_open(const struct planner *planner)
{
        return planner->api.breaker.state != BREAKER_CLOSED;
}

/* How long it is believed that check requests do not work. */
#define NO_CHECKS_US (1 * USEC_PER_HOUR)

/* No job of the request was failing before it. */
bool request_is_witness(const struct planner_request *request);

/*
 * A job or a batch failed; `witness` is request_is_witness() from before. May open the breaker or want a
 * check. After a batch no second witness is awaited: its
 * parts would all be requested before that.
 */
void witnesses_accuse(struct planner *planner, enum failure failure, bool witness, bool batch,
                      uint64_t interval_us, uint64_t now_us, uint64_t random);

/* The same for a streak of failures, whoever they are for. */
void witnesses_note_streak(struct planner *planner, enum failure failure, uint64_t now_us, uint64_t random);

/* Opens the breaker, unless it is open, and takes back what was charged since the first witness. */
void witnesses_open_breaker(struct planner *planner, enum failure failure, uint64_t now_us, uint64_t random);

/* Wants a check; if checks do not work, two jobs are polled now. */
void witnesses_ask(struct planner *planner, enum failure failure, uint64_t now_us);

/* True if a check request is wanted. */
bool witnesses_want_check(const struct planner *planner);

/*
 * Fills in the check request. Returns false if there is no job to make it with: then none is wanted any more.
 */
bool witnesses_next_check(struct planner *planner, struct planner_request *ret_request);

/* A check request failed, not because of throttling. */
enum attribution witnesses_check_failed(struct planner *planner, enum failure failure, uint64_t now_us,
                                        uint64_t random);

/*
 * A request succeeded; to be called before the breaker is closed. If a check request opened the breaker, and
 * the first probe reads a job, twice in a row, then no checks are made for an hour: they fail where batches
 * do.
 */
void witnesses_note_success(struct planner *planner, const struct planner_request *request, uint64_t now_us);
