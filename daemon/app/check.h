/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "config/config.h"

/*
 * Checks what the configuration refers to, as far as possible without the network: secrets given by an
 * absolute path can be read, hook programs can be run. systemd credentials exist only inside the service and
 * are not checked.
 *
 * Prints one line per error and warning to `file`. Returns the number of errors.
 */
size_t check_environment(const struct config *config, FILE *file);

/* Whether this installation can run the hooks: 0, or a negative errno with a malloc()ed *ret_reason. */
int check_hook_programs(const struct config *config, char **ret_reason);
