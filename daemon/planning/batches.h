/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "planning/planner_state.h"

/*
 * Batches: several jobs in one request. One that fails is split in halves, which are requested next, down to
 * the single request for the job that spoils it. Where batches fail although their jobs can be read
 * individually, they are disabled for an hour.
 */

/* What was learned of the size of batches does not hold any more. */
void batches_set_size(struct planner_api *api, unsigned size);

/* Single requests for an hour. Jobs of parts that wait are due now. */
void batches_disable(struct planner *planner, uint64_t now_us);

/* Jobs of parts that wait are due now, and are no parts any more. */
void batches_release_parts(struct planner *planner, uint64_t now_us);

/*
 * A batch failed, in whatever class but unreachable and throttled: its halves are requested next, unless
 * batches are disabled for it or by now. It had two jobs or more when it was sent; others may have been
 * removed since. One alone is requested individually then.
 */
void batches_note_failed(struct planner *planner, const struct planner_request *request, bool too_large,
                         uint64_t now_us);

/* The part of a failed batch that was requested was throttled: it is requested again after all other parts.
 */
void batches_requeue_part(struct planner *planner, const struct planner_request *request, uint64_t now_us);

/* A batch was answered with a whole document: the run of failed batches is over. */
void batches_note_batch_answered(struct planner_api *api, const struct planner_request *request);

/* A check request failed, which is a batch of one id. */
void batches_note_check_failed(struct planner_api *api, const struct planner_request *request);

/* The run of failed batches is over. */
void batches_note_answered(struct planner_api *api);

/* A job was read by a single request. */
void batches_note_single_read(struct planner *planner, struct planner_job *job, uint64_t now_us);

/* Adds jobs that are due, or will be soon, to a request for one of them, as far as batches allow. */
void batches_fill(struct planner *planner, struct planner_request *request, uint64_t now_us);

/* Adds the other jobs of the part that the first job of the request belongs to, up to its limit. */
void batches_fill_part(struct planner *planner, struct planner_request *request);
