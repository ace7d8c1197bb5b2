/* SPDX-License-Identifier: MIT */

/*
 * Metrics as text. A metric has its HELP and TYPE even without a sample: a time is left out until there is
 * one.
 */

#include "app/metrics.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "model/event.h"
#include "model/status.h"
#include "util/memory.h"
#include "util/timespan.h"
#include "version.h"

struct writer {
        FILE *file;
        const char *account; /* NULL: none */
};

/* Of a sample. The value of the first that is absent is NULL. */
struct labels {
        struct {
                const char *name, *value;
        } items[2];
};

static const struct labels no_labels = { .items = { { NULL, NULL } } };

static struct labels label(const char *name, const char *value)
{
        return (struct labels){ { { name, value } } };
}

static struct labels two_labels(const char *name, const char *value, const char *name2, const char *value2)
{
        return (struct labels){ { { name, value }, { name2, value2 } } };
}

/* ---- the format ---- */

static void describe(const struct writer *writer, const char *metric, const char *type, const char *help)
{
        (void)fprintf(writer->file, "# HELP jobwatchd_%s %s\n# TYPE jobwatchd_%s %s\n", metric, help, metric,
                      type);
}

static void write_label(const struct writer *writer, bool is_first, const char *name, const char *value)
{
        (void)fprintf(writer->file, "%c%s=\"", is_first ? '{' : ',', name);
        for (; *value != '\0'; value++)
                if (*value == '\n')
                        (void)fputs("\\n", writer->file);
                else if (*value == '\\' || *value == '"')
                        (void)fprintf(writer->file, "\\%c", *value);
                else
                        (void)fputc(*value, writer->file);
        (void)fputc('"', writer->file);
}

/* All of a line but the value. The name of a metric may have a suffix. */
static void begin_sample(const struct writer *writer, const char *metric, const char *suffix,
                         const struct labels labels)
{
        bool is_first = true;

        (void)fprintf(writer->file, "jobwatchd_%s%s", metric, suffix);
        if (writer->account != NULL) {
                write_label(writer, is_first, "account", writer->account);
                is_first = false;
        }
        for (size_t i = 0; i < sizeof(labels.items) / sizeof(labels.items[0]); i++)
                if (labels.items[i].value != NULL) {
                        write_label(writer, is_first, labels.items[i].name, labels.items[i].value);
                        is_first = false;
                }
        (void)fputs(is_first ? " " : "} ", writer->file);
}

static void write_count(const struct writer *writer, const char *metric, const struct labels labels,
                        uint64_t count)
{
        begin_sample(writer, metric, "", labels);
        (void)fprintf(writer->file, "%" PRIu64 "\n", count);
}

/* Seconds without the locale: "0.25", "3". */
static void format_seconds(uint64_t time_us, char ret_text[static 32])
{
        int size = snprintf(ret_text, 32, "%" PRIu64 ".%06" PRIu64, time_us / USEC_PER_SEC,
                            time_us % USEC_PER_SEC);

        while (ret_text[size - 1] == '0')
                size--;
        if (ret_text[size - 1] == '.')
                size--;
        ret_text[size] = '\0';
}

static void write_seconds(const struct writer *writer, const char *metric, const char *suffix,
                          const struct labels labels, uint64_t time_us)
{
        char text[32];

        format_seconds(time_us, text);
        begin_sample(writer, metric, suffix, labels);
        (void)fprintf(writer->file, "%s\n", text);
}

/* Nothing if there is no time yet. */
static void write_time(const struct writer *writer, const char *metric, const struct labels labels,
                       uint64_t wall_us)
{
        if (wall_us != 0)
                write_seconds(writer, metric, "", labels, wall_us);
}

/* `labels` are at most one. */
static void write_histogram(const struct writer *writer, const char *metric, struct labels labels,
                            const struct histogram *histogram)
{
        struct labels bound = labels;
        size_t place = labels.items[0].value != NULL ? 1 : 0;
        uint64_t count = 0;
        char text[32];

        bound.items[place].name = "le";
        bound.items[place].value = text;
        for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
                if (i < HISTOGRAM_BOUNDS)
                        format_seconds(histogram_bounds_us[i], text);
                else
                        (void)snprintf(text, sizeof(text), "+Inf");
                count = histogram_count(histogram, i); /* another thread may add, so it never decreases */
                begin_sample(writer, metric, "_bucket", bound);
                (void)fprintf(writer->file, "%" PRIu64 "\n", count);
        }
        write_seconds(writer, metric, "_sum", labels, histogram_sum_us(histogram));
        begin_sample(writer, metric, "_count", labels);
        (void)fprintf(writer->file, "%" PRIu64 "\n", count);
}

static void write_number(const struct writer *writer, const char *metric, const char *help, uint64_t number)
{
        describe(writer, metric, "gauge", help);
        write_count(writer, metric, no_labels, number);
}

/* ---- jobs, events ---- */

static void write_jobs(const struct writer *writer, const struct monitor_counts *jobs)
{
        const struct {
                enum outcome outcome;
                size_t count;
        } outcomes[] = {
                { OUTCOME_OPEN, jobs->open },
                { OUTCOME_SUCCESS, jobs->succeeded },
                { OUTCOME_FAILURE, jobs->failed - jobs->gone },
                { OUTCOME_GONE, jobs->gone },
        };

        describe(writer, "jobs", "gauge", "Watched jobs by outcome.");
        for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
                write_count(writer, "jobs", label("outcome", outcome_to_string(outcomes[i].outcome)),
                            outcomes[i].count);
        write_number(writer, "jobs_failing", "Jobs that cannot be polled, though the API works.",
                     jobs->failing);
}

static void write_events(const struct writer *writer, const uint64_t counts[])
{
        describe(writer, "events_total", "counter", "Events that were recorded.");
        for (unsigned kind = 0; kind < EVENT_KIND_COUNT; kind++)
                write_count(writer, "events_total",
                            label("event", event_kind_to_string((enum event_kind)kind)), counts[kind]);
}

/* ---- the API ---- */

static const char *const endpoints[] = {
        [ENDPOINT_SINGLE] = "single",
        [ENDPOINT_BATCH] = "batch",
        [ENDPOINT_SEARCH] = "search",
        [ENDPOINT_TOKEN] = "token",
};

static void write_requests(const struct writer *writer, const struct request_counts *requests)
{
        describe(writer, "api_requests_total", "counter",
                 "Requests to the API that were answered or have failed.");
        for (unsigned endpoint = 0; endpoint < ENDPOINT_COUNT; endpoint++)
                for (unsigned failure = 0; failure < FAILURE_COUNT; failure++)
                        write_count(writer, "api_requests_total",
                                    two_labels("endpoint", endpoints[endpoint], "result",
                                               failure == FAILURE_NONE
                                                       ? "ok"
                                                       : failure_to_string((enum failure)failure)),
                                    requests->results[endpoint][failure]);
        describe(writer, "api_request_duration_seconds", "histogram", "Duration of these requests.");
        for (unsigned endpoint = 0; endpoint < ENDPOINT_COUNT; endpoint++)
                write_histogram(writer, "api_request_duration_seconds",
                                label("endpoint", endpoints[endpoint]), &requests->durations[endpoint]);
        describe(writer, "api_last_success_timestamp_seconds", "gauge",
                 "When a request to the API has succeeded last.");
        write_time(writer, "api_last_success_timestamp_seconds", no_labels, requests->success_us);
}

static void write_rates(const struct writer *writer, const struct status_facts *facts)
{
        const struct limits_config *limits = &facts->config->limits;
        const struct {
                const char *window;
                unsigned limit, used;
        } windows[] = {
                { "minute", limits->per_minute, facts->jobs.spent_minute },
                { "hour", limits->per_hour, facts->jobs.spent_hour },
                { "day", limits->per_day, facts->jobs.spent_day },
        };
        const size_t count = sizeof(windows) / sizeof(windows[0]);

        describe(writer, "rate_limit", "gauge", "Requests that [limits] allows in a minute, hour or day.");
        for (size_t i = 0; i < count; i++)
                if (windows[i].limit > 0)
                        write_count(writer, "rate_limit", label("window", windows[i].window),
                                    windows[i].limit);
        describe(writer, "rate_used", "gauge", "Requests in the last minute, hour or day of this run.");
        for (size_t i = 0; i < count; i++)
                write_count(writer, "rate_used", label("window", windows[i].window), windows[i].used);
}

static void write_api(const struct writer *writer, const struct metrics_facts *facts)
{
        const struct monitor_counts *jobs = &facts->status.jobs;
        bool is_up = jobs->failure == FAILURE_NONE || jobs->failure == FAILURE_THROTTLED;

        write_number(writer, "api_up", "Whether the API can be used; 0 during an outage.", is_up ? 1 : 0);
        write_requests(writer, facts->requests);
        write_rates(writer, &facts->status);
        describe(writer, "poll_lag_seconds", "gauge", "How long the most overdue poll has been due.");
        write_seconds(writer, "poll_lag_seconds", "", no_labels, jobs->lag_us);
        describe(writer, "feed_active", "gauge", "Whether the change feed works; absent if it is not used.");
        if (jobs->feed_works || jobs->feed_problem != NULL)
                write_count(writer, "feed_active", no_labels, jobs->feed_works ? 1 : 0);
        describe(writer, "feed_last_success_timestamp_seconds", "gauge",
                 "When a page of the change feed was read last.");
        write_time(writer, "feed_last_success_timestamp_seconds", no_labels,
                   facts->requests->feed_success_us);
}

/* ---- hooks ---- */

static void write_hooks(const struct writer *writer, const struct metrics_facts *facts)
{
        const struct hook_counts *hooks = facts->hooks;

        describe(writer, "delivery_attempts_total", "counter", "Attempts to deliver events to hooks.");
        for (size_t i = 0; i < facts->hook_count; i++) {
                write_count(writer, "delivery_attempts_total",
                            two_labels("hook", hooks[i].hook, "result", "success"),
                            hooks[i].attempts.succeeded);
                write_count(writer, "delivery_attempts_total",
                            two_labels("hook", hooks[i].hook, "result", "failure"), hooks[i].attempts.failed);
        }
        describe(writer, "deliveries", "gauge", "Deliveries that are pending, or have failed for good.");
        for (size_t i = 0; i < facts->hook_count; i++) {
                write_count(writer, "deliveries", two_labels("hook", hooks[i].hook, "state", "pending"),
                            hooks[i].pending);
                write_count(writer, "deliveries", two_labels("hook", hooks[i].hook, "state", "failed"),
                            hooks[i].attempts.abandoned);
        }
        describe(writer, "delivery_oldest_pending_timestamp_seconds", "gauge",
                 "Time of the oldest event whose delivery is pending.");
        for (size_t i = 0; i < facts->hook_count; i++)
                write_time(writer, "delivery_oldest_pending_timestamp_seconds", label("hook", hooks[i].hook),
                           hooks[i].oldest_us);
}

/* ---- the service ---- */

static void write_service(const struct writer *writer, uint64_t wall_us)
{
        describe(writer, "build_info", "gauge", "1, with the version of jobwatchd.");
        write_count(writer, "build_info", label("version", JOBWATCH_VERSION), 1);
        describe(writer, "heartbeat_timestamp_seconds", "gauge", "When jobwatchd made these metrics.");
        write_time(writer, "heartbeat_timestamp_seconds", no_labels, wall_us);
}

/* `host` is the one that is active, as far as hosts share the state, and this one knows. */
static void write_role(const struct writer *writer, bool is_active, const char *host)
{
        write_number(writer, "active", "Whether this host is active; 0 while it stands by.",
                     is_active ? 1 : 0);
        describe(writer, "active_host", "gauge",
                 "1, with the host that is active; absent if none is known, or if hosts share no state.");
        if (host != NULL)
                write_count(writer, "active_host", label("host", host), 1);
}

static void write_state(const struct writer *writer, const struct metrics_facts *facts)
{
        const struct status_facts *status = &facts->status;
        bool writable = status->state_error == NULL && !status->state_slow && !status->deliveries.state_error;

        write_number(writer, "state_bytes", "Size of the state, as limited by max_size.", facts->state_bytes);
        describe(writer, "state_commit_duration_seconds", "histogram", "Duration of writing transactions.");
        write_histogram(writer, "state_commit_duration_seconds", no_labels, facts->commits);
        write_number(writer, "state_writable", "Whether the state can be written.", writable ? 1 : 0);
}

char *metrics_text(const struct metrics_facts *facts)
{
        const struct store_active_host *host = facts->status.host;
        char *text = NULL;
        size_t size = 0;
        struct writer writer = { .file = memory_need(open_memstream(&text, &size)),
                                 .account = facts->instance };

        write_service(&writer, facts->status.wall_us);
        write_role(&writer, true, host != NULL ? host->name : NULL);
        write_jobs(&writer, &facts->status.jobs);
        write_events(&writer, facts->events);
        write_api(&writer, facts);
        write_hooks(&writer, facts);
        write_state(&writer, facts);
        if (fclose(writer.file) != 0)
                memory_exhausted();
        return text;
}

char *metrics_text_of_standby(const char *instance, const struct standby_facts *facts, uint64_t wall_us)
{
        char *text = NULL;
        size_t size = 0;
        struct writer writer = { .file = memory_need(open_memstream(&text, &size)), .account = instance };

        write_service(&writer, wall_us);
        write_role(&writer, false, standby_sees_active_host(facts) ? facts->host.name : NULL);
        if (fclose(writer.file) != 0)
                memory_exhausted();
        return text;
}
