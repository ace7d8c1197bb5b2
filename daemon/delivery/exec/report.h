/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What hook-run, which runs the program of an attempt (see hook-run/hook_run.c), writes to the descriptor
 * REPORT_DESCRIPTOR before it exits. The first report counts: if the program cannot be executed, another one
 * may follow. Without a report, hook-run itself was killed.
 */

#include <stdint.h>

#define REPORT_DESCRIPTOR 3

enum report_kind {
        REPORT_NOT_STARTED, /* value: errno of fork() or execve() */
        REPORT_EXITED,      /* value: exit status of the program */
        REPORT_KILLED,      /* value: signal */
};

struct report {
        int32_t kind;
        int32_t value;
        int32_t was_ended; /* hook-run was asked to end the program before the program had ended */
};
