/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "app/exit_status.h"
#include "config/config.h"
#include "journal/journal.h"

/* How this run differs from the configuration. */
struct daemon_options {
        const char *path; /* of the configuration, which is read again on SIGHUP */
        const struct config_overrides *overrides;
        bool once;           /* one round of everything, each job reported on standard output */
        uint64_t timeout_us; /* 0: none */
};

/*
 * Blocks the signals that the loop will take. To be called first of all: a stop that comes while things are
 * still being built is then an orderly one, and threads that libraries start inherit it.
 */
void daemon_block_signals(void);

/*
 * Builds the parts, runs the loop, and returns what the process is to end with. Everything that goes wrong is
 * logged. `journal` is borrowed; of `config` the
 * daemon is one more owner, until a reload brings another one.
 */
enum exit_status daemon_run(const struct daemon_options *options, struct config *config,
                            struct journal *journal);
