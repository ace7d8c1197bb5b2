/* SPDX-License-Identifier: MIT */

/* Prints the effective configuration as INI. Reading it back gives the same values. */

#include "config/config.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "config/types.h"

static void print_plain_jobs(const struct config *config, FILE *file)
{
        const struct config_key *key = config_key_find(SECTION_JOBS, "ids");
        struct id_list ids = { 0 };

        for (size_t i = 0; i < config->job_count; i++)
                if (config->jobs[i].name == NULL)
                        id_list_add(&ids, config->jobs[i].id);
        if (ids.count > 0) {
                (void)fputs("[jobs]\nids =", file);
                key->type->print(key, &ids, file);
                (void)fputs("\n\n", file);
        }
        id_list_clear(&ids);
}

/* Whether a setting of a section has the value of [poll], so that it need not be printed. */
static bool is_inherited(const struct config_key *key, const void *base, const struct config *config)
{
        const struct config_key *general = config_key_find(SECTION_POLL, key->name);

        if (general == NULL)
                return false;
        assert(key->type == &config_type_timespan && general->type == key->type);
        return memcmp((const char *)base + key->offset, (const char *)config + general->offset,
                      key->type->size) == 0;
}

/* Whether a key of a section is left out, since it is not given or the value of another takes effect. */
static bool is_left_out(const struct config_key *key, const void *base, const struct config *config)
{
        const struct job_config *job = base;
        const struct discover_config *discover = base;

        if (key->names_hooks)
                return key->section == SECTION_JOB ? !job->hooks_given : !discover->hooks_given;
        if (key->section == SECTION_JOB || key->section == SECTION_DISCOVER)
                return is_inherited(key, base, config);
        return key->type == &config_type_text &&
               *(char *const *)(const void *)((const char *)base + key->offset) == NULL;
}

/* `name` is NULL if the section has none. */
static void print_section(const struct config *config, enum config_section section, const char *name,
                          const void *values, FILE *file)
{
        const struct config_keys keys = config_keys_of(section);

        (void)fprintf(file, "[%s%s%s]\n", config_section_names[section], name != NULL ? " " : "",
                      name != NULL ? name : "");
        for (size_t i = 0; i < keys.count; i++) {
                const struct config_key *key = &keys.first[i];
                if (is_left_out(key, values, config))
                        continue;
                (void)fprintf(file, "%s =", key->name);
                key->type->print(key, (const char *)values + key->offset, file);
                (void)fputc('\n', file);
        }
        (void)fputc('\n', file);
}

int config_print(const struct config *config, FILE *file)
{
        for (unsigned i = 0; i < SECTION_COUNT; i++) {
                enum config_section section = (enum config_section)i;
                if (section == SECTION_JOBS)
                        print_plain_jobs(config, file);
                else if (!config_section_is_named(section))
                        print_section(config, section, NULL, config, file);
                for (size_t k = 0; section == SECTION_JOB && k < config->job_count; k++)
                        if (config->jobs[k].name != NULL)
                                print_section(config, section, config->jobs[k].name, &config->jobs[k], file);
                for (size_t k = 0; section == SECTION_DISCOVER && k < config->discover_count; k++)
                        print_section(config, section, config->discovers[k].name, &config->discovers[k],
                                      file);
                for (size_t k = 0; section == SECTION_HOOK && k < config->hook_count; k++)
                        print_section(config, section, config->hooks[k].name, &config->hooks[k], file);
        }
        errno = 0;
        return fflush(file) != 0 || ferror(file) ? -(errno != 0 ? errno : EIO) : 0;
}
