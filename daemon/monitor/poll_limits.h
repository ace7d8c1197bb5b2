/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "config/config.h"
#include "planning/planner.h"

/* What the configuration allows the planner: at most `max_in_flight` requests at a time. */
struct planner_limits poll_limits_of(const struct config *config, unsigned max_in_flight, bool once);
