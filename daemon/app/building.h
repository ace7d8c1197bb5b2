/* SPDX-License-Identifier: MIT */
#pragma once

#include "app/exit_status.h"
#include "app/parts.h"

/* Builds the other parts of an active daemon; errors are logged. Then, or after a failure, parts_free() is to
 * follow. */
enum exit_status parts_build(struct parts *parts);

/* The same on a host that stands by: only what shows that. */
void parts_build_standby(struct parts *parts);

/* Runs the loop, and says READY=1. Returns the exit code of the loop or a negative errno. */
int parts_run(struct parts *parts);

/* Frees what exists of the parts but the state, which was closed before, and metrics_file. */
void parts_free(struct parts *parts);
