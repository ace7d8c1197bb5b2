/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdlib.h>
#include <sysexits.h>

/* Exit statuses of jobwatchctl. Those of sysexits.h are shown by name by systemctl. */
enum exit_status {
        EXIT_STATUS_SUCCESS = EXIT_SUCCESS, /* done; the service is well; the jobs succeeded */
        EXIT_STATUS_FAILED = 1, /* a job failed or is gone, a delivery or a login failed, or problems */
        EXIT_STATUS_CHECK_WARNING = 1, /* status --check: as plugins of Nagios */
        EXIT_STATUS_CHECK_CRITICAL = 2,
        EXIT_STATUS_CHECK_UNKNOWN = 3,
        EXIT_STATUS_USAGE = EX_USAGE,          /* invalid command line */
        EXIT_STATUS_UNKNOWN = EX_NOINPUT,      /* no such job, hook or delivery */
        EXIT_STATUS_SERVICE = EX_UNAVAILABLE,  /* no bus, no service, or it cannot do that now */
        EXIT_STATUS_SOFTWARE = EX_SOFTWARE,    /* out of memory, or an unexpected reply */
        EXIT_STATUS_IO = EX_IOERR,             /* output or state cannot be written */
        EXIT_STATUS_NOT_PERMITTED = EX_NOPERM, /* by the bus or polkit */
        EXIT_STATUS_TIMEOUT = 124,             /* --timeout expired, as in timeout(1) */
        EXIT_STATUS_TERMINATED = 143, /* waiting: by SIGTERM; not 0 for systemd, as SIGTERM itself is */
};
