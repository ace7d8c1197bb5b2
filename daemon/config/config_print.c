/* SPDX-License-Identifier: MIT */

/*
 * Prints the effective configuration as INI. Reading it back gives the same values: items of a list that
 * could be misread are in quotes, and a single value that begins like a comment is written directly after the
 * "=".
 */

#include "config/config.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "config/value_syntax.h"
#include "config/values.h"
#include "util/cleanup.h"

/* Where long lists are wrapped. */
#define PRINT_COLUMNS 100

static void print_value(const char *key, const char *value, FILE *file)
{
        if (value[0] == '\0')
                (void)fprintf(file, "%s =\n", key);
        else
                (void)fprintf(file, value[0] == ';' ? "%s =%s\n" : "%s = %s\n", key, value);
}

static int print_list(const char *key, const struct string_list *list, FILE *file)
{
        size_t column = (size_t)fprintf(file, "%s =", key);

        for (size_t i = 0; i < list->count; i++) {
                const char *item = list->items[i], *comma = i + 1 < list->count ? "," : "";
                CLEANUP(cleanup_free) char *quoted = NULL;
                if (!list_item_is_plain(item)) {
                        quoted = list_item_quote(item, strlen(item));
                        if (quoted == NULL)
                                return -ENOMEM;
                        item = quoted;
                }
                if (i > 0 && column + strlen(item) + 2 > PRINT_COLUMNS)
                        column = (size_t)fprintf(file, "\n   ") - 1;
                column += (size_t)fprintf(file, " %s%s", item, comma);
        }
        (void)fputc('\n', file);
        return 0;
}

static int print_key(const struct config_key *key, const void *base, FILE *file)
{
        if (key->kind == KIND_LIST)
                return print_list(key->name, value_list(key, base), file);

        CLEANUP(cleanup_free) char *value = value_format(key, base);
        if (value == NULL)
                return -ENOMEM;
        print_value(key->name, value, file);
        return 0;
}

static int print_section(enum config_section section, const void *base, FILE *file)
{
        (void)fprintf(file, "[%s]\n", config_section_name(section));
        for (size_t i = 0; i < config_key_count; i++)
                if (config_keys[i].section == section) {
                        int r = print_key(&config_keys[i], base, file);
                        if (r < 0)
                                return r;
                }
        (void)fputc('\n', file);
        return 0;
}

static int print_plain_jobs(const struct config *config, FILE *file)
{
        static const char key[] = "ids";
        struct string_list ids = { 0 };
        int r = 0;

        for (size_t i = 0; i < config->job_count && r == 0; i++) {
                const struct job_config *job = &config->jobs[i];
                char text[24];
                if (job->name != NULL)
                        continue;
                (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)job->id);
                r = string_list_add(&ids, text);
        }
        if (r == 0 && ids.count > 0) {
                (void)fprintf(file, "[%s]\n", config_section_name(SECTION_JOBS));
                r = print_list(key, &ids, file);
                (void)fputc('\n', file);
        }
        string_list_clear(&ids);
        return r;
}

/* 1 if a setting of a job has the value of [poll], so that it need not be printed; 0 or -ENOMEM. */
static int is_inherited(const struct config_key *key, const struct job_config *job,
                        const struct config *config)
{
        const struct config_key *general = config_key_find(SECTION_POLL, key->name);
        if (general == NULL)
                return 0;

        CLEANUP(cleanup_free) char *own = value_format(key, job);
        CLEANUP(cleanup_free) char *inherited = value_format(general, config);
        if (own == NULL || inherited == NULL)
                return -ENOMEM;
        return strcmp(own, inherited) == 0;
}

static int print_job(const struct config *config, const struct job_config *job, FILE *file)
{
        (void)fprintf(file, "[%s %s]\n", config_section_name(SECTION_JOB), job->name);
        for (size_t i = 0; i < config_key_count; i++) {
                const struct config_key *key = &config_keys[i];
                if (key->section != SECTION_JOB || (key->kind == KIND_LIST && !job->hooks_given))
                        continue;
                int r = is_inherited(key, job, config);
                if (r == 0)
                        r = print_key(key, job, file);
                if (r < 0)
                        return r;
        }
        (void)fputc('\n', file);
        return 0;
}

/* Of the keys for targets, only the one that is given. */
static bool is_other_target(const struct config_key *key, const struct hook_config *hook)
{
        return key->kind == KIND_TARGET &&
               (key->hook_kind != (int)hook->kind ||
                (key->hook_kind == HOOK_URL &&
                 (hook->url_file != NULL) != (key->offset == offsetof(struct hook_config, url_file))));
}

static int print_hook(const struct hook_config *hook, FILE *file)
{
        (void)fprintf(file, "[%s %s]\n", config_section_name(SECTION_HOOK), hook->name);
        for (size_t i = 0; i < config_key_count; i++) {
                const struct config_key *key = &config_keys[i];
                if (key->section != SECTION_HOOK || is_other_target(key, hook))
                        continue;
                int r = print_key(key, hook, file);
                if (r < 0)
                        return r;
        }
        (void)fputc('\n', file);
        return 0;
}

int config_print(const struct config *config, FILE *file)
{
        int r = 0;

        for (unsigned i = 0; i < SECTION_COUNT && r == 0; i++) {
                enum config_section section = (enum config_section)i;
                switch (section) {
                case SECTION_JOBS:
                        r = print_plain_jobs(config, file);
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
