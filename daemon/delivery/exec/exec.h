/* SPDX-License-Identifier: MIT */
#pragma once

#include "delivery/hook.h"

/* A hook of kind exec: a program that is run once per attempt. */
struct hook_exec;

/*
 * Runs the program of hook->target, which is split into words by argv_split(), without a shell. The program
 * gets the document on standard input. Its output and errors go to the journal as "jobwatch-NAME", or to the
 * daemon's standard error. It has no other descriptors, working directory "/", the default signal mask and
 * dispositions, and the variables listed in environment.c. It runs in a process group of its own, which gets
 * SIGTERM after hook->timeout_us, and SIGKILL 5 s later.
 *
 * Exit status 0 is success, even if the program did not read its input. Background processes that the program
 * leaves behind are not ended if it ends in time.
 *
 * SIGCHLD must be blocked in all threads. Returns 0, or a negative errno if nothing was started: the program
 * is missing, not executable, writable by others, …
 */
int hook_exec_start(const struct hook_context *context, const struct hook_attempt *attempt, char **ret_reason,
                    struct hook_exec **ret_run);

/*
 * Asks the process group to end (SIGTERM, 5 s later SIGKILL), unless the program has exited already. on_end()
 * is still called: `stopped` if the program ended without success and neither exited nor timed out before.
 */
void hook_exec_stop(struct hook_exec *run);

/*
 * Kills the process group and does not call on_end(). Waits at most half a second for its leader, which does
 * not die while it is in uninterruptible sleep. Must not be used on a run whose on_end() was called, nor from
 * within it. Accepts NULL, returns NULL.
 */
struct hook_exec *hook_exec_free(struct hook_exec *run);
