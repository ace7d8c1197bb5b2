/* SPDX-License-Identifier: MIT */

/* Formats the counts of the monitor for the journal and for the status line. */

#include "app/summary.h"

#include <stdio.h>

#include "journal/message_ids.h"
#include "util/message.h"
#include "util/timespan.h"
#include "version.h"

/* The plural ending of a noun. */
/* "15s to 2min", with its NUL. */
#define INTERVALS_TEXT_MAX (2 * TIMESPAN_TEXT_MAX + 4)

static const char *plural(size_t count)
{
        return count == 1 ? "" : "s";
}

static const char *api_text(enum failure failure)
{
        switch (failure) {
        case FAILURE_UNREACHABLE:
                return "; API: unreachable";
        case FAILURE_NO_RESPONSE:
                return "; API: no response";
        case FAILURE_SERVER_ERROR:
                return "; API: server error";
        case FAILURE_REFUSED:
                return "; API: credentials rejected";
        case FAILURE_NOT_FOUND:
                return "; API: answers 404 to everything";
        case FAILURE_THROTTLED:
                return "; API: rate limited";
        case FAILURE_UNEXPECTED:
                return "; API: unexpected responses";
        case FAILURE_NONE:
                break;
        }
        return "";
}

char *summary_status(const struct config *config, const struct monitor_counts *counts, uint64_t now_us)
{
        char next[TIMESPAN_TEXT_MAX + 32] = "", span[TIMESPAN_TEXT_MAX], limit[32] = "", failing[40] = "";

        if (counts->next_us != USEC_NEVER)
                (void)snprintf(
                        next, sizeof(next), "; next poll in %s",
                        timespan_format_rough(counts->next_us > now_us ? counts->next_us - now_us : 0, span));
        if (counts->failing > 0)
                (void)snprintf(failing, sizeof(failing), ", %zu failing", counts->failing);
        if (config->limits.per_hour > 0)
                (void)snprintf(limit, sizeof(limit), " of %u", config->limits.per_hour);

        return format_message("%zu job%s (%zu open, %zu finished%s)%s; %u%s requests in the last hour%s",
                              counts->watched, plural(counts->watched), counts->open,
                              counts->watched - counts->open, failing, next, counts->spent_hour, limit,
                              api_text(counts->failure));
}

/* The shortest interval of all jobs. */
static uint64_t shortest_interval(const struct config *config)
{
        uint64_t shortest_us = USEC_NEVER;

        for (size_t i = 0; i < config->job_count; i++)
                if (config->jobs[i].poll.interval_us < shortest_us)
                        shortest_us = config->jobs[i].poll.interval_us;
        return shortest_us;
}

/* Exact to the millisecond below a second, so that short intervals can be distinguished; rounded otherwise.
 */
static char *format_interval(uint64_t span_us, char buffer[static TIMESPAN_TEXT_MAX])
{
        if (span_us >= USEC_PER_SEC)
                return timespan_format_rough(span_us, buffer);
        return timespan_format((span_us + USEC_PER_MSEC - 1) / USEC_PER_MSEC * USEC_PER_MSEC, buffer);
}

static void warn_of_short_interval(struct journal *journal, const struct config *config,
                                   const struct monitor_counts *counts)
{
        char interval[TIMESPAN_TEXT_MAX], round[TIMESPAN_TEXT_MAX];
        uint64_t shortest_us = shortest_interval(config);

        if (counts->round_us > shortest_us)
                journal_print(
                        journal, LOG_WARNING,
                        "interval = %s is too short for %zu open job%s under [limits]; polling each every "
                        "%s instead.",
                        format_interval(shortest_us, interval), counts->open, plural(counts->open),
                        format_interval(counts->round_us, round));
}

/* "15s to 2min", or "15s" if both intervals are the same. */
static char *format_intervals(const struct poll_config *poll, char buffer[static INTERVALS_TEXT_MAX])
{
        char interval[TIMESPAN_TEXT_MAX], max_interval[TIMESPAN_TEXT_MAX];

        (void)timespan_format(poll->interval_us, interval);
        (void)timespan_format(poll->max_interval_us, max_interval);
        if (poll->interval_us == poll->max_interval_us)
                (void)snprintf(buffer, INTERVALS_TEXT_MAX, "%s", interval);
        else
                (void)snprintf(buffer, INTERVALS_TEXT_MAX, "%s to %s", interval, max_interval);
        return buffer;
}

void summary_log_start(struct journal *journal, const struct config *config,
                       const struct monitor_counts *counts)
{
        char intervals[INTERVALS_TEXT_MAX];

        journal_print_about(
                journal, LOG_INFO, MESSAGE_ID_STARTED, 0, NULL,
                "jobwatchd %s started: watching %zu job%s (%zu open, %zu finished) at %s, polling "
                "every %s, state in %s",
                JOBWATCH_VERSION, counts->watched, plural(counts->watched), counts->open,
                counts->watched - counts->open, config->api.base_url,
                format_intervals(&config->poll, intervals), config_state_directory(config));
        warn_of_short_interval(journal, config, counts);
}

void summary_log_reload(struct journal *journal, const struct config *config,
                        const struct monitor_counts *counts)
{
        char intervals[INTERVALS_TEXT_MAX];

        journal_print_about(journal, LOG_INFO, MESSAGE_ID_STARTED, 0, NULL,
                            "Configuration reloaded: watching %zu job%s (%zu open, %zu finished) at %s, "
                            "polling every %s, %zu hook%s",
                            counts->watched, plural(counts->watched), counts->open,
                            counts->watched - counts->open, config->api.base_url,
                            format_intervals(&config->poll, intervals), config->hook_count,
                            plural(config->hook_count));
        warn_of_short_interval(journal, config, counts);
}

void summary_log_finished(struct journal *journal, const struct monitor_counts *counts, const char *next)
{
        journal_print(journal, LOG_INFO, "All jobs finished: %zu succeeded, %zu failed or gone. %s",
                      counts->succeeded, counts->failed, next);
}

void summary_log_daily(struct journal *journal, const struct config *config,
                       const struct monitor_counts *counts)
{
        uint64_t round_us = counts->round_us > config->poll.max_interval_us ? counts->round_us
                                                                            : config->poll.max_interval_us;
        char round[TIMESPAN_TEXT_MAX];

        journal_print(
                journal, LOG_INFO,
                "Watching %zu job%s: %zu open, %zu succeeded, %zu failed or gone; open jobs are polled at "
                "least every %s; %u request%s in the last hour.",
                counts->watched, plural(counts->watched), counts->open, counts->succeeded, counts->failed,
                timespan_format_rough(round_us, round), counts->spent_hour, plural(counts->spent_hour));
}
