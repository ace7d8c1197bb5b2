/* SPDX-License-Identifier: MIT */
#pragma once

#include "monitor/poll_state.h"

/*
 * Handles the response to the request of a slot. The request has ended for the planner; the slot and
 * `response` are valid during the call.
 */
void response_take(struct request_slot *slot, const struct nexudus_response *response);

/* The same of a request that was cancelled and is to be sent again. */
void response_requeue(struct request_slot *slot);
