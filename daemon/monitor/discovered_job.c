/* SPDX-License-Identifier: MIT */

/* From the names of sections to a job. */

#include "monitor/discovered_job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/names.h"

DEFINE_CLEANUP(struct job, job_free)

bool discovered_job_is_configured(const struct config *config, const char *sections)
{
        for (size_t i = 0; i < config->discover_count; i++)
                if (names_contain(sections, config->discovers[i].name))
                        return true;
        return false;
}

static bool contains(const struct string_list *list, const char *item)
{
        for (size_t i = 0; i < list->count; i++)
                if (strcmp(list->items[i], item) == 0)
                        return true;
        return false;
}

static int add_hooks(struct string_list *hooks, const struct string_list *more)
{
        int r = 0;

        for (size_t i = 0; i < more->count && r >= 0; i++)
                if (!contains(hooks, more->items[i]))
                        r = string_list_add(hooks, more->items[i]);
        return r;
}

/* The job as if it were listed. Without a section, as while it is to be decided, it has no hooks. */
static int describe(const struct config *config, uint64_t id, const char *sections,
                    struct job_config *ret_config)
{
        struct job_config job = { .id = id, .poll = config->poll, .hooks_given = true };
        bool first = true;

        for (size_t i = 0; i < config->discover_count; i++) {
                const struct discover_config *discover = &config->discovers[i];

                if (!names_contain(sections, discover->name))
                        continue;
                if (first)
                        job.poll = discover->poll;
                first = false;
                job.hooks_given &= discover->hooks_given; /* without, every hook is meant */
                if (add_hooks(&job.hooks, &discover->hooks) < 0) {
                        string_list_clear(&job.hooks);
                        return -ENOMEM;
                }
        }
        *ret_config = job;
        return 0;
}

int discovered_job_note(struct job *job, const struct remote_time *created, const char *sections)
{
        size_t size = strlen(sections) + 1;
        struct job_discovery *discovery = malloc(sizeof(*discovery) + size);

        if (discovery == NULL)
                return -ENOMEM;
        *discovery = (struct job_discovery){ .created = *created };
        memcpy(discovery->sections, sections, size);
        free(job->discovery);
        job->discovery = discovery;
        return 0;
}

int discovered_job_new(const struct config *config, uint64_t id, const struct remote_time *created,
                       const char *sections, struct job **ret_job)
{
        CLEANUP(cleanup_job_free) struct job *job = NULL;
        struct job_config described;

        int r = describe(config, id, sections, &described);
        if (r < 0)
                return r;
        r = job_new(&described, &job);
        string_list_clear(&described.hooks);
        if (r >= 0)
                r = discovered_job_note(job, created, sections);
        if (r < 0)
                return r;
        *ret_job = STEAL_POINTER(job);
        return 0;
}

int discovered_job_update(const struct config *config, struct job *job, struct planner_settings *ret_settings)
{
        CLEANUP(cleanup_job_free) struct job *described = NULL;
        const struct job_discovery *discovery = job->discovery;

        int r = discovered_job_new(config, job->planning.id, &discovery->created, discovery->sections,
                                   &described);
        if (r < 0)
                return r;
        job_swap_names(job, described);
        *ret_settings = described->planning.settings;
        return 0;
}
