/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "app/exit_status.h"
#include "app/parts.h"

/*
 * The end of the process, from the decision to the exit of the event loop: running hooks end, what is queued
 * for the state and the journal is written, and the state is closed, all within a limited time.
 */
struct ending {
        const struct parts *parts; /* borrowed */
        bool stands_by;            /* the process goes on, and what is in memory is discarded */

        /* Private; zero before the end. */
        enum {
                ENDING_NOT_BEGUN,
                ENDING_HOOKS,   /* waits for exec hooks to end */
                ENDING_QUEUES,  /* waits for the state to be written */
                ENDING_JOURNAL, /* waits for entries to be sent, and what follows from them to be written */
                ENDING_STATE,   /* waits for the state to be closed */
        } phase;
        enum exit_status status;
        sd_event_source *timer, *post;
        bool is_overdue;
};

/*
 * Begins the end with this status; the first one counts. No part starts anything new from now on. If
 * `wait_for_hooks`, running hooks were asked to end, and what they report is recorded.
 */
void ending_begin(struct ending *ending, enum exit_status status, bool wait_for_hooks);

bool ending_has_begun(const struct ending *ending);

/*
 * To be called when the loop has exited, before any part is freed. Stops the log sender; returns whether it
 * has sent everything. If the time was over and the writer of the state is stuck, the process ends here.
 */
bool ending_finish(struct ending *ending);
