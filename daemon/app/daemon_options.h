/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

/* From the command line. All of it is borrowed and must outlive the command. */
struct daemon_options {
        const char *path; /* of the configuration file, read again on SIGHUP */
        const struct config_overrides *overrides;
        bool once;            /* poll each job once, report it on standard output, exit */
        uint64_t timeout_us;  /* 0: none */
        const char *instance; /* offers the D-Bus API under its name, see bus/service.h; NULL: none */
        bool for_reload;      /* of --check: as ExecReload= of the units */
};
