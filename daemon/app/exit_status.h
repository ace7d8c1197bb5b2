/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdlib.h>
#include <sysexits.h>

/* What the process ends with. The words of sysexits.h, so that systemctl shows them by name. */
enum exit_status {
        EXIT_STATUS_SUCCESS = EXIT_SUCCESS, /* every watched job succeeded, or a normal stop */
        EXIT_STATUS_JOB_FAILED = 1,         /* a job failed or is gone, with exit when done */
        EXIT_STATUS_USAGE = EX_USAGE,       /* wrong command line */
        EXIT_STATUS_API = EX_UNAVAILABLE,   /* the API gave no sensible answer, with --once */
        EXIT_STATUS_SOFTWARE = EX_SOFTWARE, /* no memory or no descriptors to begin with */
        EXIT_STATUS_STATE = EX_IOERR,       /* the state directory is unusable */
        EXIT_STATUS_REFUSED = EX_NOPERM,    /* credentials refused or role missing, with --once */
        EXIT_STATUS_CONFIG = EX_CONFIG,     /* wrong configuration */
        EXIT_STATUS_TIMEOUT = 124,          /* --timeout ran out, as timeout(1) has it */
};
