/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/loading.h"

/*
 * Reads files into a configuration. Each line sets its value where it stands, after the default.
 *
 * A key in a later file replaces the same key of earlier files. Of a list, the first line in a file decides:
 * "=" replaces the default and what earlier files have, "+=" adds to them; further lines in the same file
 * add. The ids of [jobs] always add. Sections accumulate.
 *
 * Errors go to the problems. When memory runs out, the process ends.
 */

/* Prepares a configuration with all defaults. `path` is the main file, which is added. */
void reading_start(struct loading *loading, const char *path, struct config_problems *problems);

/* Reads the text of a file that was added. The text is changed; there is room for a NUL after it. */
void reading_text(struct loading *loading, const struct config_file *file, char *data, size_t size);
