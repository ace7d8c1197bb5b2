/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

/*
 * System calls that fail on request, in the objects a test is linked from (not within shared libraries). Link
 * the test with fault_system.c and the options in meson.build. A call that fails is not made.
 */

enum fault_system_call {
        FAULT_CHMOD,
        FAULT_FCHMOD,
        FAULT_FCNTL,
        FAULT_SETLK, /* fcntl(F_SETLK) only */
        FAULT_FGETS,
        FAULT_FOPEN,
        FAULT_FSTAT,
        FAULT_FSYNC,
        FAULT_OPEN,
        FAULT_PREAD,
        FAULT_REALPATH,
        FAULT_STAT,
        FAULT_SYSTEM_CALLS,
};

/* The nth such call from now on and all later ones fail with this errno (1: the next). */
void fault_system_arm(enum fault_system_call call, unsigned nth, int error);

/* Calls succeed again. Returns whether one has failed since it was armed. */
bool fault_system_disarm(void);
