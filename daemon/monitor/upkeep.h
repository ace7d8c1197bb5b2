/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/config.h"
#include "state/state.h"

/*
 * Queues an operation that bounds the state as configured: sets its maximum size and deletes what is too old.
 * A failure is not logged: if the disk is the cause, recording fails as well.
 */
void upkeep_queue(struct state *state, struct config *config);
