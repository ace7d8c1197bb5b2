/* SPDX-License-Identifier: MIT */

/* Counts first, then what is wrong, then what happens next. What is zero or well is not mentioned. */

#include "app/status_text.h"

#include <stdio.h>
#include <time.h>

#include "util/memory.h"
#include "util/message.h"
#include "util/timespan.h"

/* Prints a time of CLOCK_BOOTTIME as a time of day, with the date unless it is today. */
static void print_time(FILE *file, const struct status_facts *facts, uint64_t time_us)
{
        uint64_t span_us = time_us > facts->now_us ? time_us - facts->now_us : 0;
        time_t at = (time_t)((facts->wall_us + span_us) / USEC_PER_SEC);
        time_t today = (time_t)(facts->wall_us / USEC_PER_SEC);
        struct tm local_at, local_today;
        char text[sizeof("2026-01-01 00:00:00")] = "";

        if (localtime_r(&at, &local_at) == NULL || localtime_r(&today, &local_today) == NULL)
                return;
        bool same_day = local_at.tm_yday == local_today.tm_yday && local_at.tm_year == local_today.tm_year;
        (void)strftime(text, sizeof(text), same_day ? "%T" : "%F %T", &local_at);
        (void)fputs(text, file);
}

const char *status_failure_text(const struct monitor_counts *jobs)
{
        if (jobs->login != NULL && !jobs->login_is_due)
                return "not signed in";
        if (jobs->failure == FAILURE_REFUSED)
                return jobs->blocked ? "requests blocked" : "credentials rejected";
        if (jobs->failure == FAILURE_NOT_FOUND)
                return "answers 404 to everything";
        if (jobs->failure == FAILURE_THROTTLED)
                return "rate limited";
        return failure_to_string(jobs->failure);
}

static void print_deliveries(FILE *file, const struct outbox_counts *deliveries)
{
        if (deliveries->pending > 0)
                (void)fprintf(file, ", %zu deliver%s pending", deliveries->pending,
                              plural_y(deliveries->pending));
        if (deliveries->abandoned > 0)
                (void)fprintf(file, ", %zu deliver%s abandoned", deliveries->abandoned,
                              plural_y(deliveries->abandoned));
}

static void print_problems(FILE *file, const struct status_facts *facts)
{
        if (facts->jobs.login != NULL) {
                (void)fprintf(file, "; API: %s, run \"%s\"",
                              facts->jobs.login_is_due ? "the sign-in ends soon" : "not signed in",
                              facts->jobs.login);
        } else if (facts->jobs.failure != FAILURE_NONE) {
                (void)fprintf(file, "; API: %s, next attempt ", status_failure_text(&facts->jobs));
                if (facts->jobs.retry_us > facts->now_us) {
                        (void)fputs("at ", file);
                        print_time(file, facts, facts->jobs.retry_us);
                } else {
                        (void)fputs("now", file);
                }
        }
        if (facts->jobs.feed_problem != NULL)
                (void)fprintf(file, "; change feed off: %s", facts->jobs.feed_problem);
        else if (facts->jobs.discovery_problem != NULL)
                (void)fprintf(file, "; new jobs not found: %s", facts->jobs.discovery_problem);
        if (facts->state_slow)
                (void)fputs("; state: the disk does not respond", file);
        else if (facts->state_error != NULL)
                (void)fprintf(file, "; state: %s", facts->state_error);
        else if (facts->deliveries.state_error)
                (void)fputs("; state: results of hooks cannot be recorded", file);
        else if (facts->state_disk_is_low)
                (void)fputs("; state: the disk is almost full", file);
        if (facts->journal_stuck)
                (void)fputs("; log: entries cannot be written at present", file);
        if (facts->reload_failed)
                (void)fputs("; last reload failed, previous configuration in effect", file);
}

/* Requests of earlier runs are not known, so the first hour counts from the start. */
static void print_requests(FILE *file, const struct status_facts *facts)
{
        const struct monitor_counts *jobs = &facts->jobs;

        if (facts->now_us - jobs->started_us < USEC_PER_HOUR)
                (void)fprintf(file, "; %u request%s since the start", jobs->spent_hour,
                              plural(jobs->spent_hour));
        else if (facts->config->limits.per_hour > 0)
                (void)fprintf(file, "; %u of %u requests in the last hour", jobs->spent_hour,
                              facts->config->limits.per_hour);
        else
                (void)fprintf(file, "; %u request%s in the last hour", jobs->spent_hour,
                              plural(jobs->spent_hour));
}

char *status_text(const struct status_facts *facts)
{
        const struct monitor_counts *jobs = &facts->jobs;
        char *text = NULL;
        size_t size = 0;
        FILE *file = memory_need(open_memstream(&text, &size));
        (void)fprintf(file, "%zu job%s (%zu open, %zu finished", jobs->watched, plural(jobs->watched),
                      jobs->open, jobs->watched - jobs->open);
        if (jobs->failing > 0)
                (void)fprintf(file, ", %zu failing", jobs->failing);
        (void)fputc(')', file);
        print_deliveries(file, &facts->deliveries);
        print_problems(file, facts);
        if (jobs->failure == FAILURE_NONE && jobs->next_us != USEC_NEVER) {
                (void)fputs("; next poll at ", file);
                print_time(file, facts, jobs->next_us);
        }
        print_requests(file, facts);
        if (fclose(file) != 0)
                memory_exhausted();
        return text;
}

/* ---- standing by ---- */

static char *host_text(const struct store_active_host *host)
{
        const time_t at = (time_t)(host->since_us / USEC_PER_SEC);
        char text[sizeof("2026-01-01 00:00:00")] = "";
        struct tm local;

        if (localtime_r(&at, &local) != NULL)
                (void)strftime(text, sizeof(text), "%F %T", &local);
        return format_message("standing by: %s is active since %s", host->name, text);
}

bool standby_sees_active_host(const struct standby_facts *facts)
{
        return facts->error == NULL && facts->is_known && facts->host.name[0] != '\0' && !facts->host.is_gone;
}

char *standby_text(const struct standby_facts *facts)
{
        if (facts->error != NULL)
                return format_message("standing by: the database cannot be used: %s", facts->error);
        if (!facts->is_known)
                return format_message("standing by");
        if (!standby_sees_active_host(facts))
                return format_message("standing by: no host is active");
        return host_text(&facts->host);
}
