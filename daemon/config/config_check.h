/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/config.h"
#include "config/diagnostics.h"
#include "config/settings.h"

/*
 * Checks what concerns more than one value. The settings are those that the configuration was built from;
 * errors with the line to change are added to the diagnostics.
 */
void config_check(const struct config *config, const struct settings *settings,
                  const struct config_overrides *overrides, struct diagnostics *diagnostics);

/* Checks that there is a section [hook NAME]. */
void check_hook_name(const struct settings *settings, const char *name, struct location location,
                     struct diagnostics *diagnostics);

/*
 * The last of unit, exec, url and url_file in a section [hook NAME] that was built; NULL: none. Counts them
 * in *ret_count, which may be NULL.
 */
const struct setting *section_target(const struct section_settings *section, size_t *ret_count);
