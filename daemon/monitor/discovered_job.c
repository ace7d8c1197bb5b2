/* SPDX-License-Identifier: MIT */

/* From the names of sections to a job. */

#include "monitor/discovered_job.h"

#include <stdlib.h>
#include <string.h>

#include "util/memory.h"
#include "util/names.h"

bool discovered_job_is_configured(const struct config *config, const char *sections)
{
        for (size_t i = 0; i < config->discover_count; i++)
                if (names_contain(sections, config->discovers[i].name))
                        return true;
        return false;
}

static void add_hooks(struct string_list *hooks, const struct string_list *more)
{
        for (size_t i = 0; i < more->count; i++)
                if (!string_list_contains(hooks, more->items[i]))
                        string_list_add(hooks, more->items[i]);
}

/* The job as if it were listed. Without a section, as while it is to be decided, it has no hooks. */
static struct job *describe(const struct config *config, uint64_t id, const char *sections)
{
        struct job_config described = { .id = id, .poll = config->poll, .hooks_given = true };
        bool first = true;

        for (size_t i = 0; i < config->discover_count; i++) {
                const struct discover_config *discover = &config->discovers[i];

                if (!names_contain(sections, discover->name))
                        continue;
                if (first)
                        described.poll = discover->poll;
                first = false;
                described.hooks_given &= discover->hooks_given; /* without, every hook is meant */
                add_hooks(&described.hooks, &discover->hooks);
        }
        struct job *job = job_new(&described);
        string_list_clear(&described.hooks);
        return job;
}

void discovered_job_note(struct job *job, const struct remote_time *created, const char *sections)
{
        size_t size = strlen(sections) + 1;
        struct job_discovery *discovery = memory_malloc(NULL, sizeof(*discovery) + size);

        *discovery = (struct job_discovery){ .created = *created };
        memcpy(discovery->sections, sections, size);
        free(job->discovery);
        job->discovery = discovery;
}

struct job *discovered_job_new(const struct config *config, uint64_t id, const struct remote_time *created,
                               const char *sections)
{
        struct job *job = describe(config, id, sections);

        discovered_job_note(job, created, sections);
        return job;
}

struct planner_settings discovered_job_update(const struct config *config, struct job *job)
{
        return job_describe(job, describe(config, job->planning.id, job->discovery->sections));
}
