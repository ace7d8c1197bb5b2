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
#include "util/memory.h"
#include "util/timespan.h"

/* How long the end takes at most: with running exec hooks, which are killed after 5 s, and without. */
#define HOOKS_TIMEOUT_US  (7 * USEC_PER_SEC)
#define QUEUES_TIMEOUT_US (2 * USEC_PER_SEC)

/* With several hosts: a statement that waits for a server has limits of its own, which are shorter. */
#define STANDBY_TIMEOUT_US (30 * USEC_PER_SEC)

/* For the last messages, when the time is over. */
#define LOG_TIMEOUT_US (100 * USEC_PER_MSEC)

static int exit_loop(struct ending *ending)
{
        bus_connection_detach(ending->parts->bus);
        return sd_event_exit(ending->parts->event, ending->status);
}

static int on_time(sd_event_source *source, uint64_t time_us, void *userdata)
{
        (void)source;
        (void)time_us;
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
        return exit_loop(ending);
}

static int on_post(sd_event_source *source, void *userdata)
{
        (void)source;
        struct ending *ending = userdata;

        /* A host that stands by does not wait for results to be recorded: another one may be active. */
        if (ending->phase == ENDING_HOOKS && (ending->stands_by ? !outbox_is_busy(ending->parts->outbox)
                                                                : outbox_is_idle(ending->parts->outbox)))
                ending->phase = ENDING_QUEUES;
        if (ending->phase == ENDING_HOOKS || !state_is_idle(ending->parts->state))
                return 0;
        if (ending->phase == ENDING_STATE)
                return exit_loop(ending);

        if (ending->phase == ENDING_QUEUES) {
                last_run_end(ending->parts->state); /* whatever becomes of the journal */
                ending->phase = ENDING_JOURNAL;
        } else if (journal_is_idle(ending->parts->journal)) {
                state_finish(ending->parts->state);
                ending->phase = ENDING_STATE;
        }
        return 0;
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
        int r = sd_event_add_time_relative(ending->parts->event, &ending->timer, CLOCK_BOOTTIME, span_us,
                                           USEC_PER_MSEC, on_time, ending);
        if (r >= 0)
                r = sd_event_add_post(ending->parts->event, &ending->post, on_post, ending);
        if (r < 0)
                memory_exhausted();
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
