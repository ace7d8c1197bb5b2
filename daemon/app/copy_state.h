/* SPDX-License-Identifier: MIT */
#pragma once

#include "app/exit_status.h"
#include "config/config.h"

/*
 * What is wrong with the arguments of --copy-state, and what to write instead; NULL: nothing. One is a state
 * directory, the other the URI of a database.
 */
const char *copy_state_check(const char *from, const char *to);

/*
 * Copies the state of an instance (NULL: the one without a name), with the password of the database that is
 * configured. Prints what was compared to standard output, and errors to standard error. Returns the exit
 * status of the process: EXIT_STATUS_STATE if a state cannot be used, EXIT_STATUS_CONFIG if the password
 * cannot be read.
 */
enum exit_status copy_state(const struct config *config, const char *instance, const char *from,
                            const char *to);
