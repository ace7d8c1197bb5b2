/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

#include "model/event.h"
#include "state/sql/row.h"

/* The whole result, and the one before. */
#define RESULT_WHOLE SIZE_MAX

/*
 * Reads the event in the present row of a statement with the columns of an event, which the caller clears.
 * With a `result_max` only so much of its result is read, and result_size is that of the whole. Returns 0.
 */
int store_event_read(struct row *row, size_t result_max, struct event *ret_event);
