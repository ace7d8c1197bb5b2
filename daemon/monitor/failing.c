/* SPDX-License-Identifier: MIT */

/*
 * Each class of failure, and recovery, has a group of lines that wait for the timer. The timer is armed by
 * the first line: shortly after a quiet minute, otherwise a minute after the last time. A job that recovers
 * while its line waits leaves no line at all.
 */

#include "monitor/failing.h"

#include <stdlib.h>
#include <string.h>

#include "journal/event_message.h"
#include "journal/message_ids.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/timer.h"
#include "util/timespan.h"

#define LINES_MAX 5
#define DELAY_US  (5 * USEC_PER_SEC)
#define WINDOW_US (1 * USEC_PER_MIN)

/* The group of recoveries is the one of FAILURE_NONE. */
#define GROUP_COUNT FAILURE_COUNT

struct line {
        uint64_t job_id;
        char *name;
        char *text;
};

struct group {
        struct line lines[LINES_MAX];
        size_t line_count;
        size_t count; /* jobs; more than lines if there were more than LINES_MAX at a time */
};

struct failing_log {
        struct journal *journal;
        sd_event *event;
        sd_event_source *timer;
        uint64_t flushed_us; /* 0: never */
        struct group groups[GROUP_COUNT];
};

static void group_clear(struct group *group)
{
        for (size_t i = 0; i < LINES_MAX; i++) {
                free(group->lines[i].name);
                free(group->lines[i].text);
        }
        *group = (struct group){ .count = 0 };
}

static void log_line(struct failing_log *log, enum failure failure, const struct line *line)
{
        journal_print_about(log->journal, failure == FAILURE_NONE ? LOG_NOTICE : LOG_WARNING,
                            failure == FAILURE_NOT_FOUND ? MESSAGE_ID_JOB_NOT_FOUND : NULL, line->job_id,
                            line->name, "%s", line->text);
}

static void log_group(struct failing_log *log, enum failure failure, const struct group *group)
{
        const char *example = group->line_count > 0 ? group->lines[0].text : NULL;

        if (group->count == group->line_count) {
                for (size_t i = 0; i < group->line_count; i++)
                        log_line(log, failure, &group->lines[i]);
                return;
        }
        const char *plural = group->count == 1 ? "" : "s";
        if (failure == FAILURE_NONE)
                journal_print(log->journal, LOG_NOTICE, "%zu job%s can be polled again.", group->count,
                              plural);
        else
                journal_print(log->journal, LOG_WARNING,
                              "%zu job%s cannot be polled (%s); polling less often.%s%s", group->count,
                              plural, failure_to_string(failure), example != NULL ? " One of them: " : "",
                              example != NULL ? example : "");
}

static void flush(struct failing_log *log)
{
        for (size_t i = 0; i < GROUP_COUNT; i++) {
                if (log->groups[i].count > 0)
                        log_group(log, (enum failure)i, &log->groups[i]);
                group_clear(&log->groups[i]);
        }
}

static void on_timer(void *userdata)
{
        struct failing_log *log = userdata;

        (void)sd_event_now(log->event, CLOCK_BOOTTIME, &log->flushed_us);
        flush(log);
}

static void arm(struct failing_log *log)
{
        uint64_t now_us = 0, at_us;

        if (source_is_started(log->timer))
                return;
        (void)sd_event_now(log->event, CLOCK_BOOTTIME, &now_us);
        at_us = now_us + DELAY_US;
        if (log->flushed_us > 0 && at_us < log->flushed_us + WINDOW_US)
                at_us = log->flushed_us + WINDOW_US;
        timer_start_at(log->timer, at_us);
}

struct failing_log *failing_log_new(sd_event *event, struct journal *journal)
{
        struct failing_log *log = memory_need(calloc(1, sizeof(*log)));

        log->journal = journal;
        log->event = sd_event_ref(event);
        log->timer = timer_new(event, CLOCK_BOOTTIME, USEC_PER_SEC, on_timer, log);
        return log;
}

struct failing_log *failing_log_free(struct failing_log *log)
{
        if (log == NULL)
                return NULL;

        flush(log);
        sd_event_source_disable_unref(log->timer);
        sd_event_unref(log->event);
        free(log);
        return NULL;
}

/* Takes the text. */
static void group_add(struct failing_log *log, enum failure failure, uint64_t job_id, const char *name,
                      char *text)
{
        struct group *group = &log->groups[failure];

        if (group->line_count < LINES_MAX)
                group->lines[group->line_count++] =
                        (struct line){ .job_id = job_id,
                                       .name = name != NULL ? memory_need(strdup(name)) : NULL,
                                       .text = text };
        else
                free(text);
        group->count++;
        arm(log);
}

/* Returns true if a line about the job was waiting. */
static bool group_remove(struct group *group, uint64_t job_id)
{
        for (size_t i = 0; i < group->line_count; i++) {
                struct line *line = &group->lines[i];

                if (line->job_id != job_id)
                        continue;
                free(line->name);
                free(line->text);
                group->line_count--;
                group->count--;
                memmove(line, line + 1, (group->line_count - i) * sizeof(*line));
                group->lines[group->line_count] = (struct line){ .job_id = 0 };
                return true;
        }
        return false;
}

void failing_log_start(struct failing_log *log, uint64_t job_id, const char *name, enum failure failure,
                       const char *explanation)
{
        CLEANUP(cleanup_free) char *label = job_label(job_id, name);

        /* An outage in between undoes the failures of a job, which may then fail for the second time again.
         */
        for (size_t i = 0; i < GROUP_COUNT; i++)
                (void)group_remove(&log->groups[i], job_id);
        char *text = failure == FAILURE_NOT_FOUND
                             ? format_message(
                                       "%s: not found (%s): check the ID. Reported as gone if still missing "
                                       "after 1min.",
                                       label, explanation)
                             : format_message("%s: cannot be polled: %s. Polling it less often.", label,
                                              explanation);
        group_add(log, failure, job_id, name, text);
}

void failing_log_end(struct failing_log *log, uint64_t job_id, const char *name)
{
        CLEANUP(cleanup_free) char *label = job_label(job_id, name);

        for (size_t i = 0; i < GROUP_COUNT; i++)
                if (i != FAILURE_NONE && group_remove(&log->groups[i], job_id))
                        return;
        group_add(log, FAILURE_NONE, job_id, name, format_message("%s: can be polled again.", label));
}
