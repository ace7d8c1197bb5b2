/* SPDX-License-Identifier: MIT */

/* Watched and removed jobs as they are in memory, to be shown. */

#include "monitor/listing.h"

#include <string.h>

#include "monitor/manual.h"
#include "monitor/poll_state.h"
#include "util/timespan.h"

static struct watched_job describe(const struct job *job)
{
        const struct planner_job *planning = &job->planning;
        bool polled = !planning->done;

        return (struct watched_job){
                .id = planning->id,
                .name = job->name,
                .sections = job->discovery != NULL ? job->discovery->sections : NULL,
                .hooks = job->hooks,
                .listed = job->listed,
                .added = job->added,
                .failure = planning->failing && planning->failures > 0 ? planning->failure : FAILURE_NONE,
                .interval_us = !polled                  ? 0
                               : planning->pace_us != 0 ? planning->pace_us
                                                        : planning->settings.interval_us,
                .next_us = polled && planning->entry.position != 0 ? planning->entry.due_us : USEC_NEVER,
        };
}

static struct watched_job describe_removed(const struct monitor *monitor, uint64_t id)
{
        const struct job_config *listed = manual_find_listed(monitor->parts.config, id);

        return (struct watched_job){
                .id = id,
                .name = listed != NULL ? listed->name : NULL,
                .listed = listed != NULL,
                .removed = true,
                .next_us = USEC_NEVER,
        };
}

/* The next one from *place on that was removed, or NULL. */
static const struct manual_job *next_removed(const struct manual_jobs *manual, size_t *place)
{
        while (*place < manual->count && manual_job_is_added(&manual->jobs[*place]))
                (*place)++;
        return *place < manual->count ? &manual->jobs[*place] : NULL;
}

/* Both tables are by id. */
size_t monitor_list(const struct monitor *monitor, uint64_t after, struct watched_job ret_jobs[], size_t max)
{
        size_t i = job_table_place(&monitor->jobs, after + 1),
               m = manual_jobs_place(&monitor->manual, after + 1);
        size_t count = 0;

        while (count < max && after < UINT64_MAX) {
                const struct job *job = i < monitor->jobs.count ? monitor->jobs.jobs[i] : NULL;
                const struct manual_job *removed = next_removed(&monitor->manual, &m);

                if (job == NULL && removed == NULL)
                        break;
                if (job == NULL || (removed != NULL && removed->id < job->planning.id)) {
                        ret_jobs[count++] = describe_removed(monitor, removed->id);
                        m++;
                        continue;
                }
                if (!job_is_undecided(job))
                        ret_jobs[count++] = describe(job);
                i++;
        }
        return count;
}

static bool is_same(const char *left, const char *right)
{
        return left != NULL && strcmp(left, right) == 0;
}

uint64_t monitor_find_name(const struct monitor *monitor, const char *name)
{
        const struct config *config = monitor->parts.config;

        for (size_t i = 0; i < monitor->jobs.count; i++)
                if (is_same(monitor->jobs.jobs[i]->name, name))
                        return monitor->jobs.jobs[i]->planning.id;
        for (size_t i = 0; i < config->job_count; i++) /* one that was removed, too */
                if (is_same(config->jobs[i].name, name))
                        return config->jobs[i].id;
        return 0;
}

bool monitor_find(const struct monitor *monitor, uint64_t id, struct watched_job *ret_job)
{
        const struct job *job = job_table_find(&monitor->jobs, id);

        if (manual_jobs_exclude(&monitor->manual, id))
                *ret_job = describe_removed(monitor, id);
        else if (job != NULL && !job_is_undecided(job))
                *ret_job = describe(job);
        else
                return false;
        return true;
}
