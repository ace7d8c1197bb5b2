/* SPDX-License-Identifier: MIT */
#pragma once

#include <sys/types.h>

#include "delivery/hook.h"

/* The process in which hook-run supervises a program, and what connects it to this one. */
struct spawned {
        pid_t pid;
        int output; /* read end of standard output and error; does not block */
        int report; /* read end of the report (report.h); does not block */
};

/*
 * Spawns hook-run with words[0] as its program, in a process group of its own. The caller waits for it and
 * closes the descriptors. hook-run ends the program when the calling thread ends, so that must be the last
 * one of this process. Returns 0 or a negative errno with *ret_reason (see hook.h).
 */
int spawn_program(const struct hook_attempt *attempt, uint64_t grace_us, char *const words[],
                  char *const environment[], char **ret_reason, struct spawned *ret_spawned);

/*
 * Whether exec hooks can be run: 0, or a negative errno with *ret_reason (see hook.h) if hook-run is missing.
 */
int spawn_check(char **ret_reason);
