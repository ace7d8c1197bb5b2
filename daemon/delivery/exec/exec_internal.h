/* SPDX-License-Identifier: MIT */
#pragma once

/* What the parts of an exec hook share: which program, with what environment, and how it is spawned. */

#include <sys/types.h>

#include "delivery/hook.h"

/*
 * Splits the command line of a hook and sees to it that its program can and may be run (hook_exec_check()).
 * On success the words are the caller's, to be freed with command_free().
 */
int exec_words(const char *target, char ***ret_words, char **ret_reason);

/* The environment of the program, to be freed with command_free(). Returns -ENOMEM. */
int exec_environment(const struct hook_attempt *attempt, char ***ret_environment);

/*
 * Spawns the program as the leader of a new process group, whose id is the process' id. It is not waited for.
 * Returns 0 or a negative errno with *ret_reason.
 */
int exec_spawn(const struct hook_context *context, const struct hook_attempt *attempt, char *const words[],
               char *const environment[], char **ret_reason, pid_t *ret_pid);
