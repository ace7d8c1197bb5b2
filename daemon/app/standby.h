/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "app/daemon_options.h"
#include "app/exit_status.h"
#include "journal/journal.h"
#include "state/store.h"

/*
 * Stands by: tries to become the active host, answers on the bus what can be read, and does nothing else.
 * `after_handover`: this host was active, and was asked to hand over. It leaves others time for that, and
 * does not ask for it back. `store` stands by; it is taken over. A reload replaces *config. Returns when this
 * host is active, with the store in *ret_store, or else NULL there and the exit status of the process.
 */
enum exit_status standby_run(const struct daemon_options *options, struct config **config,
                             struct journal *journal, struct store *store, uint64_t timeout_at_us,
                             bool after_handover, struct store **ret_store);
