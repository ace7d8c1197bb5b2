/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/loading.h"

/*
 * Checks what concerns more than one value of a configuration that was built; errors are added to the
 * problems with the line to change.
 */
void config_check(const struct loading *loading, const struct config_overrides *overrides);
