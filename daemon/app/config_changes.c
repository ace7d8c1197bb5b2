/* SPDX-License-Identifier: MIT */

/* Compares the jobs and hooks of two configurations. */

#include "app/config_changes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/message.h"

#define NAMED_MAX 10

static int compare_ids(const void *left, const void *right)
{
        uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

        return (a > b) - (a < b);
}

/* The ids of all jobs, ascending; NULL when out of memory. */
static uint64_t *sorted_ids(const struct config *config)
{
        uint64_t *ids = calloc(config->job_count + 1, sizeof(*ids));

        if (ids == NULL)
                return NULL;
        for (size_t i = 0; i < config->job_count; i++)
                ids[i] = config->jobs[i].id;
        qsort(ids, config->job_count, sizeof(*ids), compare_ids);
        return ids;
}

static bool has_hook(const struct config *config, const char *name)
{
        for (size_t i = 0; i < config->hook_count; i++)
                if (strcmp(config->hooks[i].name, name) == 0)
                        return true;
        return false;
}

static void print_job(FILE *file, const struct job_config *job)
{
        (void)fprintf(file, "%" PRIu64, job->id);
        if (job->name != NULL)
                (void)fprintf(file, " (%s)", job->name);
}

/* Prints "2 added: A, B". Each part of a parenthesis: the first opens it, later ones follow a semicolon. */
struct list {
        FILE *file;
        const char *what;
        size_t total; /* to be listed */
        size_t shown;
        bool *open; /* whether the parenthesis is */
};

static void list_begin(struct list *list)
{
        (void)fprintf(list->file, "%s%zu %s: ", *list->open ? "; " : " (", list->total, list->what);
        *list->open = true;
}

/* Returns whether the next item is to be printed. */
static bool list_next(struct list *list)
{
        if (list->shown == 0)
                list_begin(list);
        list->shown++;
        if (list->shown > NAMED_MAX)
                return false;
        if (list->shown > 1)
                (void)fputs(", ", list->file);
        return true;
}

static void list_end(const struct list *list)
{
        if (list->shown > NAMED_MAX)
                (void)fprintf(list->file, " and %zu more", list->shown - NAMED_MAX);
}

/* The jobs of `config` that are not among `others`. */
static void print_jobs(struct list *list, const struct config *config, const uint64_t others[],
                       size_t other_count)
{
        for (unsigned printing = 0; printing < 2; printing++)
                for (size_t i = 0; i < config->job_count; i++) {
                        const struct job_config *job = &config->jobs[i];

                        if (bsearch(&job->id, others, other_count, sizeof(*others), compare_ids) != NULL)
                                continue;
                        if (printing == 0)
                                list->total++;
                        else if (list_next(list))
                                print_job(list->file, job);
                }
        list_end(list);
}

/* The hooks of `config` that are not in `other`. */
static void print_hooks(struct list *list, const struct config *config, const struct config *other)
{
        for (unsigned printing = 0; printing < 2; printing++)
                for (size_t i = 0; i < config->hook_count; i++) {
                        if (has_hook(other, config->hooks[i].name))
                                continue;
                        if (printing == 0)
                                list->total++;
                        else if (list_next(list))
                                (void)fputs(config->hooks[i].name, list->file);
                }
        list_end(list);
}

static int print_changes(FILE *file, const struct config *old, const struct config *new)
{
        CLEANUP(cleanup_free) uint64_t *old_ids = sorted_ids(old);
        CLEANUP(cleanup_free) uint64_t *new_ids = sorted_ids(new);
        bool open = false;

        if (old_ids == NULL || new_ids == NULL)
                return -1;

        struct list added = { .file = file, .what = "added", .open = &open };
        struct list removed = { .file = file, .what = "removed", .open = &open };
        (void)fprintf(file, "%zu job%s", new->job_count, plural(new->job_count));
        print_jobs(&added, new, old_ids, old->job_count);
        print_jobs(&removed, old, new_ids, new->job_count);
        (void)fputs(open ? ")" : "", file);

        open = false;
        added = (struct list){ .file = file, .what = "added", .open = &open };
        removed = (struct list){ .file = file, .what = "removed", .open = &open };
        (void)fprintf(file, ", %zu hook%s", new->hook_count, plural(new->hook_count));
        print_hooks(&added, new, old);
        print_hooks(&removed, old, new);
        (void)fputs(open ? ")" : "", file);
        return 0;
}

char *config_changes_text(const struct config *old, const struct config *new)
{
        char *text = NULL;
        size_t size = 0;
        FILE *file = open_memstream(&text, &size);

        if (file == NULL)
                return NULL;
        int r = print_changes(file, old, new);
        if (fclose(file) != 0 || r < 0) {
                free(text);
                return NULL;
        }
        return text;
}
