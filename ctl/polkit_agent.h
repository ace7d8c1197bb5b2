/* SPDX-License-Identifier: MIT */
#pragma once

#include <sys/types.h>

/*
 * Starts pkttyagent(1), which asks the user for a password when polkit wants one, unless another agent is
 * there. Not for root, and only on a terminal. Returns once it is ready: its process, or 0 if there is none.
 */
pid_t polkit_agent_start(void);

/* Ends it. 0 is accepted. */
void polkit_agent_stop(pid_t agent);
