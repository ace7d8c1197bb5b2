/* SPDX-License-Identifier: MIT */

/* From a configuration to the limits of the planner. */

#include "monitor/poll_limits.h"

#include "nexudus/nexudus.h"
#include "util/timespan.h"

static uint64_t shortest_interval(const struct config *config)
{
        uint64_t shortest_us = config->poll.interval_us;

        for (size_t i = 0; i < config->job_count; i++)
                if (config->jobs[i].poll.interval_us < shortest_us)
                        shortest_us = config->jobs[i].poll.interval_us;
        for (size_t i = 0; i < config->discover_count; i++)
                if (config->discovers[i].poll.interval_us < shortest_us)
                        shortest_us = config->discovers[i].poll.interval_us;
        return shortest_us;
}

/* How soon new jobs are to be found; unused without sections. */
static uint64_t discover_interval(const struct config *config)
{
        uint64_t shortest_us = USEC_NEVER;

        for (size_t i = 0; i < config->discover_count; i++)
                if (config->discovers[i].poll.interval_us < shortest_us)
                        shortest_us = config->discovers[i].poll.interval_us;
        return shortest_us;
}

struct planner_limits poll_limits_of(const struct config *config, unsigned max_in_flight, bool once)
{
        return (struct planner_limits){
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
                .feed = config->poll.feed == FEED_AUTO,
                .feed_jobs = config->poll.batch_size,
                .discovers = config->discover_count > 0,
                .discover_interval_us = discover_interval(config),
                .sweep_interval_us = config->poll.sweep_interval_us,
                .reports_sent = true,
        };
}
