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

static int print_key(const struct config_key *key, const void *base, FILE *file)
{
        (void)fprintf(file, "%s =", key->name);
        int r = key->type->print(key, (const char *)base + key->offset, file);
        (void)fputc('\n', file);
        return r;
}

static int print_section(enum config_section section, const void *base, FILE *file)
{
        int r = 0;

        (void)fprintf(file, "[%s]\n", config_section_name(section));
        for (size_t i = 0; i < config_key_count && r == 0; i++)
                if (config_keys[i].section == section)
                        r = print_key(&config_keys[i], base, file);
        (void)fputc('\n', file);
        return r;
}

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

/* Whether a setting of a job has the value of [poll], so that it need not be printed. */
static bool is_inherited(const struct config_key *key, const struct job_config *job,
                         const struct config *config)
{
        const struct config_key *general = config_key_find(SECTION_POLL, key->name);

        if (general == NULL)
                return false;
        assert(key->type == &config_type_timespan && general->type == key->type);
        return memcmp((const char *)job + key->offset, (const char *)config + general->offset,
                      key->type->size) == 0;
}

static int print_job(const struct config *config, const struct job_config *job, FILE *file)
{
        int r = 0;

        (void)fprintf(file, "[job %s]\n", job->name);
        for (size_t i = 0; i < config_key_count && r == 0; i++) {
                const struct config_key *key = &config_keys[i];
                if (key->section == SECTION_JOB && !(key->names_hooks && !job->hooks_given) &&
                    !is_inherited(key, job, config))
                        r = print_key(key, job, file);
        }
        (void)fputc('\n', file);
        return r;
}

/* Of the keys for targets, only the one that is given. */
static bool is_other_target(const struct config_key *key, const struct hook_config *hook)
{
        return key->is_target &&
               (key->hook_kind != (int)hook->kind ||
                (key->hook_kind == HOOK_URL &&
                 (hook->url_file != NULL) != (key->offset == offsetof(struct hook_config, url_file))));
}

static int print_hook(const struct hook_config *hook, FILE *file)
{
        int r = 0;

        (void)fprintf(file, "[hook %s]\n", hook->name);
        for (size_t i = 0; i < config_key_count && r == 0; i++)
                if (config_keys[i].section == SECTION_HOOK && !is_other_target(&config_keys[i], hook))
                        r = print_key(&config_keys[i], hook, file);
        (void)fputc('\n', file);
        return r;
}

int config_print(const struct config *config, FILE *file)
{
        int r = 0;

        for (unsigned i = 0; i < SECTION_COUNT && r == 0; i++) {
                enum config_section section = (enum config_section)i;
                switch (section) {
                case SECTION_JOBS:
                        print_plain_jobs(config, file);
                        break;
                case SECTION_JOB:
                        for (size_t k = 0; k < config->job_count && r == 0; k++)
                                if (config->jobs[k].name != NULL)
                                        r = print_job(config, &config->jobs[k], file);
                        break;
                case SECTION_HOOK:
                        for (size_t k = 0; k < config->hook_count && r == 0; k++)
                                r = print_hook(&config->hooks[k], file);
                        break;
                case SECTION_API:
                case SECTION_POLL:
                case SECTION_LIMITS:
                case SECTION_STATUS:
                case SECTION_EXIT:
                case SECTION_LOG:
                case SECTION_STATE:
                        r = print_section(section, config, file);
                        break;
                }
        }
        if (r < 0)
                return r;
        errno = 0;
        return fflush(file) != 0 || ferror(file) ? -(errno != 0 ? errno : EIO) : 0;
}
