/* SPDX-License-Identifier: MIT */

/* Watched jobs as they are in memory, to be shown. */

#include "monitor/listing.h"

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
                .failure = planning->failing && planning->failures > 0 ? planning->failure : FAILURE_NONE,
                .interval_us = !polled                  ? 0
                               : planning->pace_us != 0 ? planning->pace_us
                                                        : planning->settings.interval_us,
                .next_us = polled && planning->entry.position != 0 ? planning->entry.due_us : USEC_NEVER,
        };
}

size_t monitor_list(const struct monitor *monitor, uint64_t after, struct watched_job ret_jobs[], size_t max)
{
        const struct job_table *table = &monitor->jobs;
        size_t count = 0;

        for (size_t i = job_table_place(table, after); i < table->count && count < max; i++) {
                const struct job *job = table->jobs[i];

                if (job->planning.id > after && !job_is_undecided(job))
                        ret_jobs[count++] = describe(job);
        }
        return count;
}

bool monitor_find(const struct monitor *monitor, uint64_t id, struct watched_job *ret_job)
{
        const struct job *job = job_table_find(&monitor->jobs, id);

        if (job == NULL || job_is_undecided(job))
                return false;
        *ret_job = describe(job);
        return true;
}
