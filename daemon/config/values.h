/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/ini_lines.h"
#include "config/loading.h"

/*
 * From lines to the values of the current section. Errors go to the problems; an invalid value leaves its
 * field as it was.
 */

/* Sets the defaults of the section. */
void values_set_defaults(struct loading *loading);

/* Sets the value of a key, or adds to a list. `count` is at least 1. */
void values_read(struct loading *loading, const struct config_key *key, const struct ini_line *lines,
                 size_t count);

/* Empties a list. */
void values_clear(struct loading *loading, const struct config_key *key);
