/* SPDX-License-Identifier: MIT */

/* The life of a watched job, and what the configuration and the state say of it. */

#include "monitor/job.h"

#include <stdlib.h>
#include <string.h>

#include "monitor/last_run.h"
#include "platform/clock.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/names.h"

static struct string_list *hooks_free(struct string_list *hooks)
{
        if (hooks != NULL)
                string_list_clear(hooks);
        free(hooks);
        return NULL;
}

static struct string_list *hooks_copy(const struct string_list *hooks)
{
        struct string_list *copy = memory_need(calloc(1, sizeof(*copy)));

        for (size_t i = 0; i < hooks->count; i++)
                string_list_add(copy, hooks->items[i]);
        return copy;
}

struct job *job_new(const struct job_config *config)
{
        struct job *job = memory_need(calloc(1, sizeof(*job)));

        job->planning.id = config->id;
        job->planning.settings = (struct planner_settings){
                .interval_us = config->poll.interval_us,
                .max_interval_us = config->poll.max_interval_us,
                .stalled_after_us = config->poll.stalled_after_us,
                .result_wait_us = config->poll.result_wait_us,
        };
        job->from_command_line = config->from_command_line;
        if (config->name != NULL)
                job->name = memory_need(strdup(config->name));
        if (config->hooks_given)
                job->hooks = hooks_copy(&config->hooks);
        return job;
}

struct job *job_free(struct job *job)
{
        if (job == NULL)
                return NULL;
        hooks_free(job->hooks);
        free(job->discovery);
        free(job->name);
        free(job);
        return NULL;
}

int job_load(struct job *job, struct store *store, uint64_t now_us)
{
        struct job_watch *watch = &job->planning.watch;
        struct stored_job stored;

        *watch = (struct job_watch){ .memory.recorded = false }; /* of a call before */
        job->planning.updated = 0;
        int r = store_get_job(store, job->planning.id, &stored);
        if (r < 0)
                return r;
        not_found_load(store, job->planning.id, watch, now_us);
        if (r == 0)
                return 0;

        /* The state is dated by the wall clock; durations are measured by CLOCK_BOOTTIME. */
        int64_t age_us = (int64_t)clock_wall_us() - (int64_t)stored.changed_us;
        watch->memory = (struct job_memory){
                .status = stored.status,
                .result = stored.result,
                .updated = stored.updated_on.size != UINT64_MAX ? stored.updated_on.hash : 0,
                .outcome = stored.outcome,
                .recorded = true,
                .result_unread = stored.result_unread,
        };
        watch->changed_us = (int64_t)now_us - (age_us > 0 ? age_us : 0);
        watch->stalled = stored.stalled;
        job->planning.updated = watch->memory.updated;
        job->planning.unwatched = stored.unwatched;
        return 0;
}

/* ---- settings ---- */

struct planner_settings job_describe(struct job *job, struct job *described)
{
        const struct planner_settings settings = described->planning.settings;

        free(job->name);
        hooks_free(job->hooks);
        job->name = STEAL_POINTER(described->name);
        job->hooks = STEAL_POINTER(described->hooks);
        job->from_command_line = described->from_command_line;
        job_free(described);
        return settings;
}

/* ---- discovered jobs ---- */

bool discovered_job_is_configured(const struct config *config, const char *sections)
{
        for (size_t i = 0; i < config->discover_count; i++)
                if (names_contain(sections, config->discovers[i].name))
                        return true;
        return false;
}

static void add_hook(struct string_list *hooks, const char *name)
{
        if (!string_list_contains(hooks, name))
                string_list_add(hooks, name);
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
                for (size_t n = 0; n < discover->hooks.count; n++)
                        add_hook(&described.hooks, discover->hooks.items[n]);
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

/* ---- added jobs ---- */

static void add_named_hooks(struct string_list *hooks, const char *names)
{
        const char *name;
        size_t size;

        while ((name = names_next(&names, &size)) != NULL) {
                CLEANUP(cleanup_free) char *copy = memory_need(strndup(name, size));
                add_hook(hooks, copy);
        }
}

struct job *added_job_new(const struct config *config, const struct manual_job *manual)
{
        struct job_config job = { .id = manual->id,
                                  .name = manual->name,
                                  .poll = config->poll,
                                  .hooks_given = manual->hooks != NULL };

        add_named_hooks(&job.hooks, manual->hooks);
        struct job *added = job_new(&job);
        string_list_clear(&job.hooks);
        return added;
}

struct planner_settings added_job_update(const struct config *config, const struct manual_job *manual,
                                         struct job *job)
{
        /* Sections that discovered it say what it is. */
        if (manual->kind == MANUAL_EXTENDED && job->discovery != NULL &&
            discovered_job_is_configured(config, job->discovery->sections)) {
                const struct planner_settings settings = discovered_job_update(config, job);
                added_job_extend(manual, job);
                return settings;
        }
        return job_describe(job, added_job_new(config, manual));
}

void added_job_extend(const struct manual_job *manual, struct job *job)
{
        if (manual->kind == MANUAL_EXTENDED && job->hooks != NULL) /* else it has all */
                add_named_hooks(job->hooks, manual->hooks);
}
