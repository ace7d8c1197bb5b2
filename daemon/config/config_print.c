/* SPDX-License-Identifier: MIT */

/* Prints the effective configuration as INI. Reading it back gives the same values. */

#include "config/config.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "config/keys.h"

static void print_plain_jobs(const struct config *config, FILE *file)
{
        struct item_printer printer = { .file = file };

        for (size_t i = 0; i < config->job_count; i++) {
                const struct job_config *job = &config->jobs[i];
                char text[24];
                if (job->name != NULL)
                        continue;
                if (printer.count == 0)
                        printer.column = (size_t)fprintf(file, "[jobs]\nids =") - strlen("[jobs]\n");
                (void)snprintf(text, sizeof(text), "%" PRIu64, job->id);
                item_print(&printer, text);
        }
        if (printer.count > 0)
                (void)fputs("\n\n", file);
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

/* Of the keys for targets, only the one that is given. */
static bool is_other_target(const struct config_key *key, const struct hook_config *hook)
{
        return key->is_target &&
               (key->hook_kind != (int)hook->kind ||
                (key->hook_kind == HOOK_URL &&
                 (hook->url_file != NULL) != (key->offset == offsetof(struct hook_config, url_file))));
}

/* Whether a key of a section is left out, since the value of another takes effect. */
static bool is_left_out(const struct config_key *key, const void *base, const struct config *config)
{
        const struct job_config *job = base;
        const struct discover_config *discover = base;

        if (key->section == SECTION_JOB)
                return key->names_hooks ? !job->hooks_given : is_inherited(key, base, config);
        if (key->section == SECTION_DISCOVER)
                return key->names_hooks ? !discover->hooks_given : is_inherited(key, base, config);
        return key->section == SECTION_HOOK && is_other_target(key, base);
}

/* `name` is NULL if the section has none. */
static int print_section(const struct config *config, enum config_section section, const char *name,
                         const void *base, FILE *file)
{
        int r = 0;

        (void)fprintf(file, "[%s%s%s]\n", config_section_name(section), name != NULL ? " " : "",
                      name != NULL ? name : "");
        for (size_t i = 0; i < config_key_count && r == 0; i++) {
                const struct config_key *key = &config_keys[i];
                if (key->section != section || is_left_out(key, base, config))
                        continue;
                (void)fprintf(file, "%s =", key->name);
                r = key->type->print(key, (const char *)base + key->offset, file);
                (void)fputc('\n', file);
        }
        (void)fputc('\n', file);
        return r;
}

int config_print(const struct config *config, FILE *file)
{
        int r = 0;

        for (unsigned i = 0; i < SECTION_COUNT && r == 0; i++) {
                enum config_section section = (enum config_section)i;
                if (section == SECTION_JOBS)
                        print_plain_jobs(config, file);
                else if (!config_section_is_named(section))
                        r = print_section(config, section, NULL, config, file);
                for (size_t k = 0; section == SECTION_JOB && k < config->job_count && r == 0; k++)
                        if (config->jobs[k].name != NULL)
                                r = print_section(config, section, config->jobs[k].name, &config->jobs[k],
                                                  file);
                for (size_t k = 0; section == SECTION_DISCOVER && k < config->discover_count && r == 0; k++)
                        r = print_section(config, section, config->discovers[k].name, &config->discovers[k],
                                          file);
                for (size_t k = 0; section == SECTION_HOOK && k < config->hook_count && r == 0; k++)
                        r = print_section(config, section, config->hooks[k].name, &config->hooks[k], file);
        }
        if (r < 0)
                return r;
        errno = 0;
        return fflush(file) != 0 || ferror(file) ? -(errno != 0 ? errno : EIO) : 0;
}
