/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Runs a program with these words, the first of which is its path and the last NULL, until it exits. Returns
 * its exit status and what it wrote to standard output (`descriptor` 1) or standard error (2), malloc()ed,
 * while the other goes nowhere; or a negative errno if it could not be run.
 */
int child_run(const char *const words[], int descriptor, char **ret_text);

/* The path of the daemon's program. */
const char *child_daemon(void);
