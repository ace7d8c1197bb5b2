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

/* "api", "job" …; of [job NAME] and the like without the NAME. */
extern const char *const config_section_names[SECTION_COUNT];

/* The section of this name, or SECTION_COUNT. */
enum config_section config_section_find(const char *name);

/* Whether the header has a NAME, so that there may be many such sections. */
bool config_section_is_named(enum config_section section);

/* The rows of a section, which are next to each other. */
struct config_keys {
        const struct config_key *first;
        size_t count;
};
struct config_keys config_keys_of(enum config_section section);

/* The row, or NULL. */
const struct config_key *config_key_find(enum config_section section, const char *name);
