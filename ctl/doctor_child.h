/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Runs the daemon's program with these words, the last of which is NULL, until it exits. Returns its exit
 * status and what it wrote to standard output (`descriptor` 1) or standard error (2), malloc()ed, while the
 * other goes nowhere; or a negative errno if it could not be run.
 */
int child_run(const char *const words[], int descriptor, char **ret_text);

/* The program that is run. */
const char *child_program(void);
