/* SPDX-License-Identifier: MIT */
#pragma once

#include <sys/types.h>

#include "delivery/hook.h"

/*
 * Spawns words[0] as the leader of a new process group, whose id is *ret_pid. The caller waits for it.
 * Returns 0 or a negative errno with *ret_reason (see hook.h).
 */
int spawn_program(const struct hook_context *context, const struct hook_attempt *attempt, char *const words[],
                  char *const environment[], char **ret_reason, pid_t *ret_pid);
