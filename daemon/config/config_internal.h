/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

#include "config/config.h"
#include "config/report.h"
#include "config/settings.h"

/* Shared between the files of daemon/config, and open to its tests. */

/*
 * config_load() of one file that is in memory, under the name `path`, without drop-ins. `overrides`
 * may be NULL.
 */
int config_load_memory(const char *path, const char *data, size_t size,
                       const struct config_overrides *overrides, struct config_problems *problems,
                       struct config **ret_config);

/* Reads PATH and PATH.d/ *.ini into the settings (config_files.c). */
void config_read_files(const char *path, struct settings *settings, struct report *report);

/*
 * What the settings of a job or hook came from, in the order of config->jobs (named ones only) and ->hooks.
 */
struct config_sources {
        const struct settings *settings;
        const struct config_file *main_file;
        const struct config_overrides *overrides;     /* never NULL */
        struct place *job_places;                     /* of each of config->jobs */
        const struct section_settings **job_sections; /* NULL for plain ones */
        const struct section_settings **hook_sections;
};

/* Everything that concerns more than one value (config_check.c). */
void config_check(const struct config *config, const struct config_sources *sources, struct report *report);
