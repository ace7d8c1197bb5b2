/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "planning/planner_job.h"
#include "planning/planner_state.h"

/* Failures of the search, which is a subject of its own. */

/* A page was answered. */
void feed_note_answered(struct planner *planner);

/* A job was read. If the search was refused before, it is not for the credentials. */
void feed_note_read(struct planner *planner, uint64_t now_us);

/* A page failed while the breaker was closed; not unreachable, and not throttled. */
enum attribution feed_page_failed(struct planner *planner, const struct planner_request *request,
                                  const struct planner_failure *failure, uint64_t now_us, uint64_t random);

/* The same page is requested again at `due_us`, or after its backoff. */
void feed_requeue(struct planner *planner, const struct planner_request *request, uint64_t due_us);
void feed_postpone(struct planner *planner, const struct planner_request *request,
                   const struct planner_failure *failure, uint64_t now_us, uint64_t random);
