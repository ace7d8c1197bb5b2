/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/loading.h"

/*
 * Reads `path`, which reading_start() has added, then PATH.d/ *.ini in the order of their names. Files that
 * cannot be read are added to the problems, and reading goes on with the next. Blocks.
 */
void config_files_read(const char *path, struct loading *loading);
