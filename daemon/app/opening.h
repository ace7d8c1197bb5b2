/* SPDX-License-Identifier: MIT */
#pragma once

#include "app/daemon_options.h"
#include "app/exit_status.h"
#include "config/config.h"
#include "journal/journal.h"
#include "state/store.h"

/*
 * Opens the store of a configuration: in the state directory, or in a database. If another host is active,
 * *ret_store is one that stands by, and *stands_by is set, but not with --once. If it is set before, as after
 * this host was active or stood by, the store stands by, whether there is a server or not. Errors are logged.
 */
enum exit_status opening_open(const struct daemon_options *options, const struct config *config,
                              struct journal *journal, struct store **ret_store, bool *stands_by);

/* The name of this host; "" if it is not known. */
void opening_host(char ret_host[static STORE_HOST_SIZE]);

/* See store_take_over(): 0 for the preferred host, and without one. */
unsigned opening_wait_s(const struct config *config, const char *host);
