/* SPDX-License-Identifier: MIT */

/* From a configuration and the state to a planner with its jobs. */

#include "monitor/job_set.h"

#include <errno.h>
#include <stdlib.h>

#include "monitor/not_found.h"
#include "nexudus/nexudus.h"
#include "platform/clock.h"

void job_set_clear(struct job_set *set)
{
        planner_free(set->planner);
        free(set->settings);
        free(set->answered);
        *set = JOB_SET_EMPTY;
}

static void fill_in_jobs(struct job_set *set, const struct config *config)
{
        struct planner_job *jobs = planner_jobs(set->planner);

        for (size_t i = 0; i < config->job_count; i++) {
                const struct poll_config *poll = &config->jobs[i].poll;

                set->settings[i] = (struct planner_settings){
                        .interval_us = poll->interval_us,
                        .max_interval_us = poll->max_interval_us,
                        .stalled_after_us = poll->stalled_after_us,
                        .result_wait_us = poll->result_wait_us,
                };
                jobs[i].id = config->jobs[i].id;
                jobs[i].settings = &set->settings[i];
        }
}

static uint64_t shortest_interval(const struct config *config)
{
        uint64_t shortest_us = config->poll.interval_us;

        for (size_t i = 0; i < config->job_count; i++)
                if (config->jobs[i].poll.interval_us < shortest_us)
                        shortest_us = config->jobs[i].poll.interval_us;
        return shortest_us;
}

int job_set_build(struct job_set *set, const struct config *config, unsigned max_in_flight, bool once)
{
        const struct planner_limits limits = {
                .rate_limiter = {
                        .min_spacing_us = config->limits.min_spacing_us,
                        .per_minute = config->limits.per_minute,
                        .per_hour = config->limits.per_hour,
                        .per_day = config->limits.per_day,
                },
                .max_in_flight = max_in_flight,
                .batch_size = config->poll.batch == BATCH_AUTO ? config->poll.batch_size : 0,
                .batch_bytes = NEXUDUS_IDS_MAX,
                .shortest_interval_us = shortest_interval(config),
                .once = once,
                .reports_sent = true,
        };

        set->settings = calloc(config->job_count, sizeof(*set->settings));
        set->answered = calloc(config->job_count, sizeof(*set->answered));
        if (set->settings == NULL || set->answered == NULL)
                return -ENOMEM;
        int r = planner_new(&limits, config->status_rules, config->job_count, &set->planner);
        if (r < 0)
                return r;
        fill_in_jobs(set, config);
        return 0;
}

int job_set_load(struct state *state, struct planner_job *job, uint64_t now_us)
{
        struct stored_job stored;

        int r = state_get_job(state, job->id, &stored);
        if (r < 0)
                return r;
        not_found_load(state, job->id, &job->watch, now_us);
        if (r == 0)
                return 0;

        /* The state is dated by the wall clock; durations are measured by CLOCK_BOOTTIME. */
        int64_t age_us = (int64_t)clock_wall_us() - (int64_t)stored.changed_us;
        job->watch.memory = (struct job_memory){
                .status = stored.status,
                .result = stored.result,
                .updated = stored.updated_on.size != UINT64_MAX ? stored.updated_on.hash : 0,
                .outcome = stored.outcome,
                .recorded = true,
                .result_unread = stored.result_unread,
        };
        job->watch.changed_us = (int64_t)now_us - (age_us > 0 ? age_us : 0);
        job->watch.stalled = stored.stalled;
        job->updated = job->watch.memory.updated;
        return 0;
}
