/* SPDX-License-Identifier: MIT */

/* The life of a configuration. config_load.c builds it. */

#include "config/config.h"

#include <stdlib.h>

#include "util/cleanup.h"

struct config *config_ref(struct config *config)
{
        config->references++;
        return config;
}

struct config *config_free(struct config *config)
{
        if (config == NULL || --config->references > 0)
                return NULL;

        for (size_t i = 0; i < config->job_count; i++) {
                free(config->jobs[i].name);
                string_list_clear(&config->jobs[i].hooks);
        }
        free(config->api.where_secret);
        free(config->api.where_ca_file);
        free(config->jobs);
        for (size_t i = 0; i < config->hook_count; i++) {
                free(config->hooks[i].name);
                free(config->hooks[i].target);
                free(config->hooks[i].url_file);
                free(config->hooks[i].secret_file);
                free(config->hooks[i].header_file);
                free(config->hooks[i].ca_file);
                free(config->hooks[i].where);
                free(config->hooks[i].where_secret_file);
                free(config->hooks[i].where_header_file);
                free(config->hooks[i].where_ca_file);
        }
        free(config->hooks);
        free(config->api.base_url);
        free(config->api.token_file);
        free(config->api.username);
        free(config->api.password_file);
        free(config->api.client_id);
        free(config->api.ca_file);
        string_list_clear(&config->status_failure);
        string_list_clear(&config->status_success);
        string_list_clear(&config->status_running);
        string_list_clear(&config->failed_result);
        status_rules_free(config->status_rules);
        free(config->status_file);
        free(config->state_directory);
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
