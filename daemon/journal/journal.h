/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

#include "config/config.h"
#include "model/event.h"

/*
 * The log: entries with fields in the journal, or lines on standard error. Only app, monitor and delivery
 * log; the layers below return errors.
 */
struct journal;

/*
 * Opens the log. LOG_TARGET_AUTO selects the journal if standard error is connected to it ($JOURNAL_STREAM),
 * else the console. Returns -ENOMEM, or a negative errno if the journal is selected but its socket is
 * missing.
 */
int journal_open(const struct log_config *settings, struct journal **ret_journal);
struct journal *journal_close(struct journal *journal);

/* Applies new settings. The target cannot be changed: a warning is logged if it differs. */
void journal_set(struct journal *journal, const struct log_config *settings);

/* Whether standard error is connected to the journal. */
bool journal_is_standard_error(void);

/* Whether entries go to the journal, not to the console. */
bool journal_is_native(const struct journal *journal);

/*
 * Logs a message: what happened, the cause after a colon, what happens next. Dropped if `priority` is less
 * urgent than the configured level. Control characters are escaped.
 */
void journal_print(struct journal *journal, int priority, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/*
 * The same with a MESSAGE_ID (NULL: none), and with JOBWATCH_JOB (0: none) and JOBWATCH_JOB_NAME (NULL:
 * none), so that `journalctl JOBWATCH_JOB=` finds it.
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
 * Logs a line that the program of a hook has printed, regardless of the level: in the journal as it is, as
 * "jobwatch-HOOK" with the fields of the delivery; on the console alone, with control characters escaped.
 * Lost without memory.
 */
void journal_print_output(struct journal *journal, const struct journal_delivery *delivery, int priority,
                          const char *line, size_t size);

/*
 * Logs an event with all its fields, regardless of the level. Returns 0, or a negative errno if the entry may
 * not have reached the journal and has to be logged again.
 */
int journal_event(struct journal *journal, const struct event *event);

/* The syslog priority and the MESSAGE_ID of an event kind. */
int event_priority(enum event_kind kind);
const char *event_message_id(enum event_kind kind);
