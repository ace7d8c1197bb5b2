/* SPDX-License-Identifier: MIT */

/* Lookups in the table of keys and in the names of sections. */

#include "config/keys.h"

#include <string.h>

#include "config/suggestion.h"

static const char *const section_names[SECTION_COUNT] = {
        [SECTION_API] = "api",       [SECTION_POLL] = "poll", [SECTION_LIMITS] = "limits",
        [SECTION_STATUS] = "status", [SECTION_JOBS] = "jobs", [SECTION_JOB] = "job",
        [SECTION_HOOK] = "hook",     [SECTION_EXIT] = "exit", [SECTION_LOG] = "log",
        [SECTION_STATE] = "state",
};

const char *config_section_name(enum config_section section)
{
        return section_names[section];
}

bool config_section_is_named(enum config_section section)
{
        return section == SECTION_JOB || section == SECTION_HOOK;
}

bool config_kind_is_list(enum config_kind kind)
{
        return kind == KIND_LIST || kind == KIND_ID_LIST || kind == KIND_EVENTS;
}

const struct config_key *config_key_find(enum config_section section, const char *name)
{
        for (size_t i = 0; i < config_key_count; i++)
                if (config_keys[i].section == section && strcmp(config_keys[i].name, name) == 0)
                        return &config_keys[i];
        return NULL;
}

const char *config_key_nearest(enum config_section section, const char *name)
{
        struct suggestion suggestion = suggestion_start(name);

        for (size_t i = 0; i < config_key_count; i++)
                if (config_keys[i].section == section)
                        suggestion_consider(&suggestion, config_keys[i].name);
        return suggestion.nearest;
}

const char *config_section_nearest(const char *name)
{
        struct suggestion suggestion = suggestion_start(name);

        for (unsigned section = 0; section < SECTION_COUNT; section++)
                suggestion_consider(&suggestion, section_names[section]);
        return suggestion.nearest;
}
