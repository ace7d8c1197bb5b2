/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/event.h"

/*
 * Completes a made-up event, to try a hook: `kind`, and of the job as much as is known, are set. Status and
 * ResultData are made up, too. The caller clears the event.
 */
void test_event_complete(struct event *event);
