/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/config.h"
#include "config/diagnostics.h"
#include "config/settings.h"

/* The settings that a configuration was built from, so that messages can name the line to change. */
struct config_sources {
        const struct settings *settings;
        const struct config_file *main_file;           /* NULL if it could not be added */
        const struct config_overrides *overrides;      /* never NULL */
        struct location *job_locations;                /* one for each of config->jobs */
        const struct section_settings **job_sections;  /* likewise; NULL for jobs without a section */
        const struct section_settings **hook_sections; /* one for each of config->hooks */
};

/* Validates what concerns more than one value; errors are added to the diagnostics. */
void config_check(const struct config *config, const struct config_sources *sources,
                  struct diagnostics *diagnostics);
