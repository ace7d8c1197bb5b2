/* SPDX-License-Identifier: MIT */
#pragma once

#include "ctl/context.h"

/*
 * status --check: a plugin for Nagios, Icinga and the like. Prints one line on standard output, with
 * performance data, and returns 0 (OK), 1 (warning), 2 (critical) or 3 (unknown).
 */
enum exit_status check_status(struct context *context);

/* The same when the connection to the bus failed, which was printed. */
enum exit_status check_without_bus(void);
