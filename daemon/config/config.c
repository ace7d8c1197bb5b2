/* SPDX-License-Identifier: MIT */

/* The life of a configuration. config_load.c builds it. */

#include "config/config.h"

#include <assert.h>
#include <stdlib.h>

#include "config/keys.h"

struct config *config_ref(struct config *config)
{
        assert(config->references > 0);
        config->references++;
        return config;
}

/* Frees the values of a section; `base` is what the fields of its keys are in. */
static void clear_section(enum config_section section, void *base)
{
        for (size_t i = 0; i < config_key_count; i++)
                if (config_keys[i].section == section && config_keys[i].type->clear != NULL)
                        config_keys[i].type->clear((char *)base + config_keys[i].offset);
}

struct config *config_free(struct config *config)
{
        if (config == NULL)
                return NULL;
        assert(config->references > 0);
        if (--config->references > 0)
                return NULL;

        for (size_t i = 0; i < config->job_count; i++) {
                free(config->jobs[i].name);
                clear_section(SECTION_JOB, &config->jobs[i]);
        }
        for (size_t i = 0; i < config->discover_count; i++) {
                free(config->discovers[i].name);
                clear_section(SECTION_DISCOVER, &config->discovers[i]);
        }
        for (size_t i = 0; i < config->hook_count; i++) {
                struct hook_config *hook = &config->hooks[i];
                free(hook->name);
                free(hook->comment);
                free(hook->where);
                free(hook->where_secret_file);
                free(hook->where_header_file);
                free(hook->where_ca_file);
                clear_section(SECTION_HOOK, hook);
        }
        for (unsigned section = 0; section < SECTION_COUNT; section++)
                if (!config_section_is_named((enum config_section)section))
                        clear_section((enum config_section)section, config);
        free(config->jobs);
        free(config->discovers);
        free(config->hooks);
        free(config->api.where_secret);
        free(config->api.where_ca_file);
        status_rules_free(config->status_rules);
        free(config->status_file);
        free(config->path);
        free(config);
        return NULL;
}

const char *config_state_directory(const struct config *config)
{
        static const char fallback[] = "/var/lib/jobwatchd";
        const char *given = getenv("STATE_DIRECTORY");

        if (config->state_directory[0] != '\0')
                return config->state_directory;
        return given != NULL && given[0] != '\0' ? given : fallback;
}
