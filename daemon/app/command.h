/* SPDX-License-Identifier: MIT */
#pragma once

#include "app/daemon_options.h"
#include "app/exit_status.h"

/*
 * Each loads the configuration and returns the exit status of the process; EXIT_STATUS_CONFIG if the
 * configuration is invalid. Errors are reported before they return.
 */

/*
 * Runs the daemon until it ends. Errors go to the log. The caller must have initialised libcurl and must not
 * have created threads: signals are blocked here, and threads created later inherit the mask.
 */
enum exit_status command_run(const struct daemon_options *options);

/*
 * Validates the configuration, its secrets and hook programs; as root for the user of the service. Errors and
 * warnings go to standard error. With `for_reload` nothing is printed on success; the service manager learns
 * that a reload begins.
 */
enum exit_status command_check(const struct daemon_options *options);

/* Prints the effective configuration as INI to standard output. Errors go to standard error. */
enum exit_status command_print_config(const struct daemon_options *options);

/*
 * Copies the state `from` a directory `to` a database, or the other way; see copy_state(). The arguments have
 * been checked by copy_state_check().
 */
enum exit_status command_copy_state(const struct daemon_options *options, const char *from, const char *to);
