/* SPDX-License-Identifier: MIT */

/* From what was asked for to a job. */

#include "monitor/added_job.h"

#include <string.h>

#include "monitor/discovered_job.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/names.h"

static void add_hooks(struct string_list *hooks, const char *names)
{
        const char *name;
        size_t size;

        while ((name = names_next(&names, &size)) != NULL) {
                CLEANUP(cleanup_free) char *copy = memory_need(strndup(name, size));

                if (!string_list_contains(hooks, copy))
                        string_list_add(hooks, copy);
        }
}

struct job *added_job_new(const struct config *config, const struct manual_job *manual)
{
        struct job_config job = { .id = manual->id,
                                  .name = manual->name,
                                  .poll = config->poll,
                                  .hooks_given = manual->hooks != NULL };

        add_hooks(&job.hooks, manual->hooks);
        struct job *added = job_new(&job);
        string_list_clear(&job.hooks);
        return added;
}

/* Whether sections that discovered the job say what it is. */
static bool is_discovered(const struct config *config, const struct manual_job *manual, const struct job *job)
{
        return manual->kind == MANUAL_EXTENDED && job->discovery != NULL &&
               discovered_job_is_configured(config, job->discovery->sections);
}

struct planner_settings added_job_update(const struct config *config, const struct manual_job *manual,
                                         struct job *job)
{
        if (is_discovered(config, manual, job)) {
                const struct planner_settings settings = discovered_job_update(config, job);
                added_job_extend(manual, job);
                return settings;
        }
        return job_describe(job, added_job_new(config, manual));
}

void added_job_extend(const struct manual_job *manual, struct job *job)
{
        if (manual->kind == MANUAL_EXTENDED && job->hooks != NULL) /* else it has all */
                add_hooks(job->hooks, manual->hooks);
}
