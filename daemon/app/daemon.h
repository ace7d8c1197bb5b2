/* SPDX-License-Identifier: MIT */
#pragma once

#include "app/daemon_options.h"
#include "app/exit_status.h"
#include "journal/journal.h"

/*
 * Builds the parts, runs the loop and returns the exit status of the process. Errors are logged. `journal` is
 * borrowed; the reference to `config` is taken over, and a reload frees it.
 */
enum exit_status daemon_run(const struct daemon_options *options, struct config *config,
                            struct journal *journal);
