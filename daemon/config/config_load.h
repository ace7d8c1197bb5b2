/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

#include "config/config.h"

/*
 * Reads `path`, then PATH.d/ *.ini in the order of their names, applies the overrides (NULL: none) and checks
 * the result. Blocks while it reads.
 *
 * Returns 0 and the configuration, with one reference; `problems` may contain warnings then. Returns -EINVAL
 * with at least one error in `problems` if a file cannot be read, a value is invalid or there is no job to
 * watch. The caller zeroes `problems` before and clears them with config_problems_clear(). When memory runs
 * out, the process ends.
 */
int config_load(const char *path, const struct config_overrides *overrides, struct config_problems *problems,
                struct config **ret_config);

/* The same for a single file whose `size` bytes are in memory; `path` is its name in messages. */
int config_load_memory(const char *path, const char *data, size_t size,
                       const struct config_overrides *overrides, struct config_problems *problems,
                       struct config **ret_config);
