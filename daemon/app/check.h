/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "config/config.h"

/*
 * What can be validated of a configuration without the network, beyond its own text: that the secrets it
 * names by path are there, and that the programs of its hooks can be run. Credentials of systemd exist only
 * while the service runs and are left out.
 *
 * Prints a line for each problem and each warning; returns how many problems there are.
 */
size_t check_surroundings(const struct config *config, FILE *file);
