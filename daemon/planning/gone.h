/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "planning/planner_job.h"
#include "planning/planner_state.h"

/*
 * Whether the record of a job is gone. It is after three single requests in a row were answered 404 or 410,
 * over a minute, and a batch of this id alone was answered without it. Where such batches do not work,
 * another job must have been read in between.
 */

/* A job was read by a single request. */
void gone_note_read(struct planner_api *api, const struct planner_job *job, uint64_t now_us);

/*
 * A single request for the job was answered 404 or 410, as before at `before_us`, and that was charged to it.
 */
enum attribution gone_note_not_found(struct planner *planner, struct planner_job *job, uint64_t before_us,
                                     uint64_t now_us);

/*
 * REQUEST_GONE_CHECK was answered with a whole document. Returns true if the job is gone: then
 * planner_take_gone() follows. If the document shows the record, the job is failing, and not gone.
 */
bool planner_take_gone_check(struct planner *planner, const struct planner_request *request, bool shown,
                             uint64_t now_us, uint64_t random);

/* REQUEST_GONE_CHECK failed while the breaker was closed; not unreachable. */
enum attribution gone_check_failed(struct planner *planner, const struct planner_request *request,
                                   uint64_t now_us, uint64_t random);

/* The request is for a gone job, which was not found. */
bool gone_is_expected(const struct planner_request *request, enum failure failure);

/* Such a request ended: the job is not failing, and is polled again in an hour. It is in no queue. */
void gone_note_expected(struct planner *planner, struct planner_job *job, uint64_t now_us);

/*
 * Such a request ended while the breaker was open. That ends an outage of another class, and says nothing of
 * one that looks alike.
 */
void gone_note_probed(struct planner *planner, const struct planner_request *request, uint64_t now_us,
                      uint64_t random);
