/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdlib.h>
#include <sysexits.h>

/* Exit statuses of the process. Those of sysexits.h are shown by name by systemctl. */
enum exit_status {
        EXIT_STATUS_SUCCESS = EXIT_SUCCESS, /* all watched jobs succeeded, or normal stop */
        EXIT_STATUS_JOB_FAILED = 1,         /* a job failed or is gone when all are done, or was not found */
        EXIT_STATUS_USAGE = EX_USAGE,       /* invalid command line */
        EXIT_STATUS_API = EX_UNAVAILABLE,   /* API unreachable, with --once */
        EXIT_STATUS_SOFTWARE = EX_SOFTWARE, /* out of memory, or out of file descriptors at start */
        EXIT_STATUS_STATE = EX_IOERR,       /* state unusable; with --once also: not written, or no output */
        EXIT_STATUS_REFUSED = EX_NOPERM,    /* credentials rejected or role missing, with --once */
        EXIT_STATUS_CONFIG = EX_CONFIG,     /* invalid configuration */
        EXIT_STATUS_TIMEOUT = 124,          /* --timeout expired, as in timeout(1) */
};
