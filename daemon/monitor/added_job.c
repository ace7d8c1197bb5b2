/* SPDX-License-Identifier: MIT */

/* From what was asked for to a job. */

#include "monitor/added_job.h"

#include <errno.h>
#include <string.h>

#include "monitor/discovered_job.h"
#include "util/cleanup.h"
#include "util/names.h"

DEFINE_CLEANUP(struct job, job_free)

static bool contains(const struct string_list *list, const char *item)
{
        for (size_t i = 0; i < list->count; i++)
                if (strcmp(list->items[i], item) == 0)
                        return true;
        return false;
}

static int add_hooks(struct string_list *hooks, const char *names)
{
        const char *name;
        size_t size;
        int r = 0;

        while (r >= 0 && (name = names_next(&names, &size)) != NULL) {
                CLEANUP(cleanup_free) char *copy = strndup(name, size);

                if (copy == NULL)
                        return -ENOMEM;
                if (!contains(hooks, copy))
                        r = string_list_add(hooks, copy);
        }
        return r;
}

int added_job_new(const struct config *config, const struct manual_job *manual, struct job **ret_job)
{
        struct job_config job = { .id = manual->id,
                                  .name = manual->name,
                                  .poll = config->poll,
                                  .hooks_given = manual->hooks != NULL };

        int r = add_hooks(&job.hooks, manual->hooks);
        if (r >= 0)
                r = job_new(&job, ret_job);
        string_list_clear(&job.hooks);
        return r;
}

/* Whether sections that discovered the job say what it is. */
static bool is_discovered(const struct config *config, const struct manual_job *manual, const struct job *job)
{
        return manual->kind == MANUAL_EXTENDED && job->discovery != NULL &&
               discovered_job_is_configured(config, job->discovery->sections);
}

int added_job_update(const struct config *config, const struct manual_job *manual, struct job *job,
                     struct planner_settings *ret_settings)
{
        CLEANUP(cleanup_job_free) struct job *described = NULL;
        int r;

        if (is_discovered(config, manual, job)) {
                r = discovered_job_update(config, job, ret_settings);
                return r < 0 ? r : added_job_extend(manual, job);
        }
        r = added_job_new(config, manual, &described);
        if (r < 0)
                return r;
        job_swap_names(job, described);
        *ret_settings = described->planning.settings;
        return 0;
}

int added_job_extend(const struct manual_job *manual, struct job *job)
{
        if (manual->kind != MANUAL_EXTENDED || job->hooks == NULL) /* it has all */
                return 0;
        return add_hooks(job->hooks, manual->hooks);
}
