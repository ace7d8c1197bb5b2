/* SPDX-License-Identifier: MIT */

/*
 *      ENDING_HOOKS ──> ENDING_QUEUES ──> ENDING_JOURNAL ──> ENDING_STATE ──> the loop exits
 *            └────────────────┴──────────────────┴─────────────────┴── the time is over ──> the loop exits
 *
 * If the time is over and the writer of the state is stuck, the process ends without waiting for it.
 *
 * A post source moves on, since each phase ends in an iteration of the loop. What was not written in time is
 * observed or delivered again after the next start; nobody can wait for a disk that does not respond.
 */

#include "app/ending.h"

#include <stdio.h>
#include <unistd.h>

#include "monitor/last_run.h"
#include "util/timer.h"
#include "util/timespan.h"

/* How long the end takes at most: with running exec hooks, which are killed after 5 s, and without. */
#define HOOKS_TIMEOUT_US  (7 * USEC_PER_SEC)
#define QUEUES_TIMEOUT_US (2 * USEC_PER_SEC)

/* With several hosts: a statement that waits for a server has limits of its own, which are shorter. */
#define STANDBY_TIMEOUT_US (30 * USEC_PER_SEC)

/* For the last messages, when the time is over. */
#define LOG_TIMEOUT_US (100 * USEC_PER_MSEC)

static void exit_loop(struct ending *ending)
{
        bus_connection_detach(ending->parts->bus);
        (void)sd_event_exit(ending->parts->event, ending->status);
}

static void on_time(void *userdata)
{
        struct ending *ending = userdata;

        ending->is_overdue = true;
        if (!state_is_idle(ending->parts->state))
                journal_print(ending->parts->journal, LOG_WARNING,
                              "The state could not be written in time. Exiting; what is missing is observed "
                              "or delivered again after the next start.");
        else if (ending->phase == ENDING_HOOKS)
                journal_print(ending->parts->journal, LOG_WARNING,
                              "%s. Exiting; the events are delivered again after the next start.",
                              outbox_is_busy(ending->parts->outbox)
                                      ? "Hooks did not end when killed"
                                      : "Results of hooks could not be recorded");
        exit_loop(ending);
}

static void on_post(void *userdata)
{
        struct ending *ending = userdata;

        /* A host that stands by does not wait for results to be recorded: another one may be active. */
        if (ending->phase == ENDING_HOOKS && (ending->stands_by ? !outbox_is_busy(ending->parts->outbox)
                                                                : outbox_is_idle(ending->parts->outbox)))
                ending->phase = ENDING_QUEUES;
        if (ending->phase == ENDING_HOOKS || !state_is_idle(ending->parts->state))
                return;

        if (ending->phase == ENDING_STATE) {
                exit_loop(ending);
        } else if (ending->phase == ENDING_QUEUES) {
                last_run_end(ending->parts->state); /* whatever becomes of the journal */
                ending->phase = ENDING_JOURNAL;
        } else if (journal_is_idle(ending->parts->journal)) {
                state_finish(ending->parts->state);
                ending->phase = ENDING_STATE;
        }
}

void ending_begin(struct ending *ending, enum exit_status status, bool wait_for_hooks)
{
        if (ending_has_begun(ending))
                return;
        ending->phase = wait_for_hooks ? ENDING_HOOKS : ENDING_QUEUES;
        ending->status = status;
        bool is_busy = wait_for_hooks && outbox_is_busy(ending->parts->outbox);
        uint64_t span_us = ending->stands_by ? STANDBY_TIMEOUT_US
                           : is_busy         ? HOOKS_TIMEOUT_US
                                             : QUEUES_TIMEOUT_US;
        ending->timer = timer_new(ending->parts->event, CLOCK_BOOTTIME, USEC_PER_MSEC, on_time, ending);
        timer_start(ending->timer, span_us);
        ending->post = post_new(ending->parts->event, on_post, ending);
}

bool ending_has_begun(const struct ending *ending)
{
        return ending->phase != ENDING_NOT_BEGUN;
}

bool ending_finish(struct ending *ending)
{
        ending->timer = sd_event_source_disable_unref(ending->timer);
        ending->post = sd_event_source_disable_unref(ending->post);
        bool is_sent =
                journal_stop(ending->parts->journal, ending->is_overdue ? LOG_TIMEOUT_US : QUEUES_TIMEOUT_US);
        if (!ending->is_overdue || state_is_idle(ending->parts->state))
                return is_sent;
        (void)fflush(stdout);
        _exit((int)ending->status);
}
