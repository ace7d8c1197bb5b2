/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/settings.h"

/*
 * From settings to values. `base` is the structure that the values are in: the config, job_config,
 * discover_config or hook_config, as the section requires. Errors go to the diagnostics; an invalid value
 * leaves its field as it was, and its setting is marked as refused.
 */

/* Sets the defaults of a section. */
void values_set_defaults(enum config_section section, void *base, struct diagnostics *diagnostics);

/* Overrides them with the settings of a section, which may be NULL. */
void values_apply(const struct settings *settings, const struct section_settings *section, void *base,
                  struct diagnostics *diagnostics);

/* Reads the items of a list one by one: zeroes but for `setting` at the start. */
struct item_reader {
        struct setting *setting;
        size_t line, at;
};

/* Returns false at the end. The caller frees the item. */
bool item_next(struct item_reader *reader, struct diagnostics *diagnostics, char **ret_item,
               struct location *ret_location);
