/* SPDX-License-Identifier: MIT */

/* The life of a configuration. config_load.c builds it. */

#include "config/config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "config/types.h"

struct config *config_ref(struct config *config)
{
        assert(config->references > 0);
        config->references++;
        return config;
}

static void clear_values(enum config_section section, void *values)
{
        const struct config_keys keys = config_keys_of(section);

        for (size_t i = 0; i < keys.count; i++)
                if (keys.first[i].type->clear != NULL)
                        keys.first[i].type->clear((char *)values + keys.first[i].offset);
        if (config_section_is_named(section))
                config_type_text.clear(values); /* the name, which is the first member */
}

struct config *config_free(struct config *config)
{
        if (config == NULL)
                return NULL;
        assert(config->references > 0);
        if (--config->references > 0)
                return NULL;

        for (size_t i = 0; i < config->job_count; i++)
                clear_values(SECTION_JOB, &config->jobs[i]);
        for (size_t i = 0; i < config->discover_count; i++)
                clear_values(SECTION_DISCOVER, &config->discovers[i]);
        for (size_t i = 0; i < config->hook_count; i++) {
                free(config->hooks[i].comment);
                free(config->hooks[i].where);
                free(config->hooks[i].where_secret_file);
                free(config->hooks[i].where_header_file);
                free(config->hooks[i].where_ca_file);
                clear_values(SECTION_HOOK, &config->hooks[i]);
        }
        for (unsigned section = 0; section < SECTION_COUNT; section++)
                if (!config_section_is_named((enum config_section)section))
                        clear_values((enum config_section)section, config);
        free(config->jobs);
        free(config->discovers);
        free(config->hooks);
        free(config->api.where_secret);
        free(config->api.where_ca_file);
        free(config->status_file);
        free(config->path);
        free(config);
        return NULL;
}

bool config_has_session(const struct config *config)
{
        return config->api.auth == AUTH_PASSWORD || config->api.auth == AUTH_LOGIN;
}

const char *config_state_directory(const struct config *config)
{
        static const char fallback[] = "/var/lib/jobwatchd";
        const char *given = getenv("STATE_DIRECTORY");

        if (config->state_directory[0] != '\0')
                return config->state_directory;
        return given != NULL && given[0] != '\0' ? given : fallback;
}

const struct hook_config *config_find_hook(const struct config *config, const char *name)
{
        for (size_t i = 0; i < config->hook_count; i++)
                if (strcmp(config->hooks[i].name, name) == 0)
                        return &config->hooks[i];
        return NULL;
}

const char *config_state_place(const struct config *config)
{
        return config->state_database[0] != '\0' ? config->state_database : config_state_directory(config);
}
