/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

#include "config/config.h"
#include "model/event.h"

/*
 * Where everything is said: to the journal as entries with fields, or to standard error as lines. Only the
 * poller, the hooks and the daemon speak; the floors below return errors.
 */
struct journal;

/*
 * LOG_TARGET_AUTO is the journal if standard error is connected to it ($JOURNAL_STREAM), else the console.
 * Returns -ENOMEM, or -ENOENT if the journal was asked for by name and does not run here.
 */
int journal_open(const struct log_config *settings, struct journal **ret_journal);
struct journal *journal_close(struct journal *journal);

/* Takes over new settings (a reload). The target stays what it was at the start; if another is asked for,
 * that is said. */
void journal_set(struct journal *journal, const struct log_config *settings);

/* True if entries go to the journal, false for the console. */
bool journal_is_native(const struct journal *journal);

/*
 * One line for the administrator: what was tried, what went wrong, what happens next, what can be done.
 * Dropped if `priority` is less urgent than the configured level.
 */
void journal_print(struct journal *journal, int priority, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/*
 * The same with a MESSAGE_ID (NULL for none) and, if job_id is not 0, with JOBWATCH_JOB and JOBWATCH_JOB_NAME
 * (NULL for none), so that it is found with the job's own entries.
 */
void journal_print_about(struct journal *journal, int priority, const char *message_id, uint64_t job_id,
                         const char *job_name, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* What an entry about a delivery is about; borrowed during the call. */
struct journal_delivery {
        uint64_t job_id;      /* JOBWATCH_JOB; 0: unknown */
        const char *job_name; /* JOBWATCH_JOB_NAME; NULL: none */
        const char *event_id; /* JOBWATCH_EVENT_ID */
        const char *hook;     /* JOBWATCH_HOOK */
        unsigned attempt;     /* JOBWATCH_ATTEMPT */
};

/* The same with the fields of a delivery. */
void journal_print_delivery(struct journal *journal, int priority, const char *message_id,
                            const struct journal_delivery *delivery, const char *format, ...)
        __attribute__((format(printf, 5, 6)));

/*
 * Logs an event with all its fields, whatever the level is: a user asked for it. Returns a negative errno if
 * the entry may not have reached the journal, so that it is to be logged again.
 */
int journal_event(struct journal *journal, const struct event *event);

/* The syslog priority and the MESSAGE_ID of a kind of event. */
int event_priority(enum event_kind kind);
const char *event_message_id(enum event_kind kind);
