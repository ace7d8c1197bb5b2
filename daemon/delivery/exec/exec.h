/* SPDX-License-Identifier: MIT */
#pragma once

#include "delivery/hook.h"

/* A hook of kind exec: a program that is run once per attempt. */
struct hook_exec;

/*
 * Runs the program of hook->target, which is split into words by argv_split(), without a shell. The program
 * gets the document on standard input. Its output and errors are logged (output.h). It has no other
 * descriptors, working directory "/", the default signal mask and dispositions, the variables listed in
 * environment.c, and a process group of its own. After hook->timeout_us it and all its descendants get
 * SIGTERM, and SIGKILL 5 s later: hook-run (hook-run/hook_run.c) supervises it.
 *
 * Exit status 0 is success, even if the program did not read its input. Background processes that the program
 * leaves behind are not ended if it ends in time.
 *
 * SIGCHLD must be blocked in all threads. Returns 0, or a negative errno if nothing was started: the program
 * is missing, not executable, writable by others, … A program that cannot be executed is reported to
 * on_end().
 */
int hook_exec_start(const struct hook_context *context, const struct hook_attempt *attempt, char **ret_reason,
                    struct hook_exec **ret_run);

/*
 * Ends the program and all its descendants (SIGTERM, 5 s later SIGKILL), unless it has ended already.
 * on_end() is still called: `stopped` if the program ended without success and neither exited nor timed out
 * before.
 */
void hook_exec_stop(struct hook_exec *run);

/*
 * Kills the program and all its descendants and does not call on_end(). Waits at most two seconds for that:
 * a process in uninterruptible sleep does not die. Must not be used on a run whose on_end() was called, nor
 * from within it. Accepts NULL, returns NULL.
 */
struct hook_exec *hook_exec_free(struct hook_exec *run);
