/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "exit_status.h"
#include "host/journal.h"

/* How this run differs from the configuration. */
struct daemon_options {
        bool once;           /* one round of everything, each job reported on standard output */
        uint64_t timeout_us; /* 0: none */
};

/*
 * Builds the parts, runs the loop, and returns what the process is to end with. Everything that goes wrong is
 * logged. `journal` and `config` are borrowed.
 */
enum exit_status daemon_run(const struct daemon_options *options, const struct config *config,
                            struct journal *journal);
