/* SPDX-License-Identifier: MIT */

/* Figures put into sentences. */

#include "app/summary.h"

#include <inttypes.h>
#include <stdio.h>

#include "journal/message_ids.h"
#include "util/message.h"
#include "util/timespan.h"
#include "version.h"

char *summary_status(const struct config *config, const struct monitor_counts *counts, uint64_t now_us)
{
        char next[TIMESPAN_TEXT_MAX + 32] = "", span[TIMESPAN_TEXT_MAX], limit[32] = "";

        if (counts->next_us != USEC_NEVER)
                (void)snprintf(
                        next, sizeof(next), "; next poll in %s",
                        timespan_format_rough(counts->next_us > now_us ? counts->next_us - now_us : 0, span));
        if (config->limits.per_hour > 0)
                (void)snprintf(limit, sizeof(limit), " of %u", config->limits.per_hour);

        return format_message("watching %zu job%s: %zu open, %zu done%s; %u%s requests in the last hour%s",
                              counts->watched, counts->watched == 1 ? "" : "s", counts->open,
                              counts->watched - counts->open, next, counts->spent_hour, limit,
                              counts->outage == OUTAGE_NONE ? "" : "; the API does not answer as it should");
}

/* The smallest interval that any job asks for. */
static uint64_t shortest_interval(const struct config *config)
{
        uint64_t shortest_us = USEC_NEVER;

        for (size_t i = 0; i < config->job_count; i++)
                if (config->jobs[i].poll.interval_us < shortest_us)
                        shortest_us = config->jobs[i].poll.interval_us;
        return shortest_us;
}

/* For a person: below a second to the millisecond, which is what intervals are then told apart by. */
static char *format_pace(uint64_t span_us, char buffer[static TIMESPAN_TEXT_MAX])
{
        if (span_us >= USEC_PER_SEC)
                return timespan_format_rough(span_us, buffer);
        return timespan_format((span_us + USEC_PER_MSEC - 1) / USEC_PER_MSEC * USEC_PER_MSEC, buffer);
}

void summary_log_start(struct journal *journal, const char *what, const struct config *config,
                       const struct monitor_counts *counts)
{
        char interval[TIMESPAN_TEXT_MAX], max_interval[TIMESPAN_TEXT_MAX], round[TIMESPAN_TEXT_MAX];

        journal_print_about(
                journal, LOG_INFO, MESSAGE_ID_STARTED, 0, NULL,
                "%s: jobwatchd %s watches %zu job%s at %s (%zu open, %zu ended before), each every %s after "
                "a change and up to %s apart without one; state in %s.",
                what, JOBWATCH_VERSION, counts->watched, counts->watched == 1 ? "" : "s",
                config->api.base_url, counts->open, counts->watched - counts->open,
                timespan_format(config->poll.interval_us, interval),
                timespan_format(config->poll.max_interval_us, max_interval), config_state_directory(config));

        uint64_t shortest_us = shortest_interval(config);
        if (counts->round_us > shortest_us)
                journal_print(journal, LOG_WARNING,
                              "%zu open jobs cannot all be looked at every %s: the limits of the API allow "
                              "every %s, and that is what they get. A longer interval would say what is, and "
                              "fewer jobs or higher limits in [limits], if Nexudus granted them, would make "
                              "it shorter.",
                              counts->open, format_pace(shortest_us, interval),
                              format_pace(counts->round_us, round));
}

void summary_log(struct journal *journal, const struct config *config, const struct monitor_counts *counts)
{
        uint64_t round_us = counts->round_us > config->poll.max_interval_us ? counts->round_us
                                                                            : config->poll.max_interval_us;
        char round[TIMESPAN_TEXT_MAX];

        journal_print(journal, LOG_INFO,
                      "Watching %zu jobs: %zu open, %zu succeeded, %zu failed or gone; each open one is "
                      "looked at every %s "
                      "at the latest; %u requests in the last hour.",
                      counts->watched, counts->open, counts->succeeded, counts->failed,
                      timespan_format_rough(round_us, round), counts->spent_hour);
}
