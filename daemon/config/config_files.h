/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/settings.h"

/*
 * Reads `path`, then PATH.d/ *.ini in the order of their names, into the settings. Files that cannot be read
 * are added to the diagnostics, and reading goes on with the next. Blocks.
 */
void config_files_read(const char *path, struct settings *settings, struct diagnostics *diagnostics);
