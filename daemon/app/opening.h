/* SPDX-License-Identifier: MIT */
#pragma once

#include "app/daemon_options.h"
#include "app/exit_status.h"
#include "config/config.h"
#include "journal/journal.h"
#include "state/store.h"

/*
 * Opens the store of a configuration: in the state directory, or in a database. If another host is active,
 * *ret_store is one that stands by, but not with --once. Errors are logged.
 */
enum exit_status opening_open(const struct daemon_options *options, const struct config *config,
                              struct journal *journal, struct store **ret_store, bool *ret_stands_by);

/* The same after this host was active, or stood by: it stands by, whether there is a server or not. */
enum exit_status opening_stand_by(const struct daemon_options *options, const struct config *config,
                                  struct journal *journal, struct store **ret_store);

/* The name of this host; "" if it is not known. */
void opening_host(char ret_host[static STORE_HOST_SIZE]);

/* See store_take_over(): 0 for the preferred host, and without one. */
unsigned opening_wait_s(const struct config *config, const char *host);
