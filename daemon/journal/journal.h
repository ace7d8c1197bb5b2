/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <syslog.h>
#include <systemd/sd-event.h>

#include "config/config.h"
#include "model/event.h"

/*
 * The log: entries with fields in the journal, or lines on standard error. Only app, monitor and delivery
 * log; the layers below return errors.
 *
 * Until journal_start() and after journal_stop() an entry is sent at once, which may block. In between a
 * thread of its own, the log sender, sends all of them in order, from a queue of at most 4 MiB. Without
 * memory for an entry the process ends.
 */
struct journal;

/*
 * Opens the log. LOG_TARGET_AUTO selects the journal if standard error is connected to it ($JOURNAL_STREAM),
 * else the console. Returns a negative errno if the journal is selected but its socket is
 * missing.
 */
int journal_open(const struct log_config *settings, struct journal **ret_journal);

/*
 * Waits for a sender that was not stopped, and until journald has read the last entry, at most 3 s. A sender
 * that is stuck keeps the memory. Accepts NULL, returns NULL.
 */
struct journal *journal_close(struct journal *journal);

/* Starts the log sender. Returns 0 or a negative errno, after which entries are still sent at once. */
int journal_start(struct journal *journal, sd_event *event);

/*
 * Waits until all entries are sent, at most for this time, and ends the log sender. Returns whether all were
 * sent. Otherwise the sender is stuck and is left alone: all entries from now on are lost, journal_event()
 * fails, and the process must end without joining threads.
 */
bool journal_stop(struct journal *journal, uint64_t timeout_us);

/* Whether no entry waits to be sent. */
bool journal_is_idle(const struct journal *journal);

/*
 * Whether more than a quarter of the queue is used and the sender gets on: whoever has many entries and can
 * wait should do so for a moment. False if the sender is stuck.
 */
bool journal_is_busy(const struct journal *journal);

/* Whether entries wait because whoever reads them has not read one for 5 s. */
bool journal_is_stuck(const struct journal *journal);

struct journal_callbacks {
        /* An event was sent; the id is borrowed. Called from the loop, or by journal_event() itself. */
        void (*on_sent)(void *userdata, const char *event_id);

        /*
         * Events were refused with -EXFULL, or could not be sent after journal_event() had accepted them.
         * Now no event waits any more: all without on_sent() are to be logged again, in order. `r` is
         * the errno of the first one. Called from the loop.
         */
        void (*on_drained)(void *userdata, int r);
        void *userdata;
};

/* Sets the callbacks, which are copied. NULL: none. */
void journal_set_callbacks(struct journal *journal, const struct journal_callbacks *callbacks);

/* Applies new settings. The target cannot be changed: a warning is logged if it differs. */
void journal_set(struct journal *journal, const struct log_config *settings);

/*
 * Logs a message: what happened, the cause after a colon, what happens next. Dropped if `priority` is less
 * urgent than the configured level. Control characters are escaped. If the queue is full, it is dropped; a
 * message says later how many were.
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
        const char *event_id; /* JOBWATCH_EVENT_ID; NULL: none */
        const char *hook;     /* JOBWATCH_HOOK; NULL: none, nor an attempt */
        unsigned attempt;     /* JOBWATCH_ATTEMPT; 0: none */
        const uid_t *uid;     /* JOBWATCH_UID: the user who asked for this; NULL: nobody did */
};

/* The same with the fields of a delivery. */
void journal_print_delivery(struct journal *journal, int priority, const char *message_id,
                            const struct journal_delivery *delivery, const char *format, ...)
        __attribute__((format(printf, 5, 6)));

/*
 * Logs a line that the program of a hook has printed, regardless of the level: in the journal as it is, as
 * "jobwatch-HOOK" with the fields of the delivery; on the console alone, with control characters escaped.
 * Dropped if three quarters of the queue are in use, so that it displaces nothing else.
 */
void journal_print_output(struct journal *journal, const struct journal_delivery *delivery, int priority,
                          const char *line, size_t size);

/*
 * Logs an event with all its fields, regardless of the level. Returns 0 if it was sent or is queued, or a
 * negative errno: it has to be logged again. With -EXFULL the queue is full, or an earlier event could not be
 * sent; on_drained() says when the time for that has come.
 */
int journal_event(struct journal *journal, const struct event *event);
