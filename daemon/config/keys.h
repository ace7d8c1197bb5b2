/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/types.h"

/*
 * The table of all sections and keys of a configuration file, one row per key. Reading, defaults and
 * --print-config use it; tests compare the example file and the manual with it.
 */

extern const struct config_key config_keys[];
extern const size_t config_key_count;

/* "api", "job" …; of [job NAME] and the like without the NAME. Static. */
const char *config_section_name(enum config_section section);

/* Whether the header has a NAME, so that there may be many such sections. */
bool config_section_is_named(enum config_section section);

/* The row, or NULL. */
const struct config_key *config_key_find(enum config_section section, const char *name);

/* The key or section most similar to a misspelt `name`, or NULL if none is similar. Static. */
const char *config_key_nearest(enum config_section section, const char *name);
const char *config_section_nearest(const char *name);
