/* SPDX-License-Identifier: MIT */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "config/config.h"
#include "journal/journal.h"
#include "model/event.h"

/*
 * One attempt to deliver one event to one hook of any kind (exec/exec.h, unit/unit.h,
 * webhook/webhook.h). The outbox decides when and how often to try; a hook tries once and reports the result.
 */

struct hook_end {
        bool success;
        bool stopped;       /* without success, because a stop was requested: not a failure */
        bool shortage;      /* without success, for want of what is_shortage() names: no attempt */
        const char *reason; /* of a failure: one line for the log; never NULL */
        const char *answer; /* of a success: one line of what a receiver or systemd has said; NULL: nothing */
        uint64_t retry_after_us; /* earliest next attempt, from now; 0: no preference */
};

struct hook_attempt {
        const struct hook_config *hook; /* borrowed until the end */
        const struct event *event;      /* borrowed until the end */
        const char *document;           /* the event as JSON (payload.h), borrowed until the end */
        unsigned attempt;               /* from 1 */

        /*
         * Called once, from the event loop, never from the start function. `end` is valid during the call
         * only; the run is freed when it returns.
         */
        void (*on_end)(void *userdata, const struct hook_end *end);

        /* Called for each line that an exec hook prints before its end, when it is logged. NULL: nobody. */
        void (*on_output)(void *userdata, const char *line, size_t size);
        void *userdata;
};

struct outputs;

struct hook_context {
        sd_event *event;
        struct journal *journal; /* receives warnings and the output of exec hooks */
        struct outputs *outputs; /* needed by an exec hook: exec/output.h */
        uint64_t grace_us;       /* between SIGTERM and SIGKILL; 0: the default of 5 s. For tests. */
};

/*
 * Whether an errno (positive) says that this machine is short of descriptors, memory or processes. Then the
 * hook has not been tried, so that is not counted as an attempt.
 */
static inline bool is_shortage(int error)
{
        return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS || error == EAGAIN;
}

/*
 * Functions with a ret_reason always set it. After a failure, *ret_reason is a malloc()ed line that states
 * the cause and, where possible, the fix, or NULL if the returned errno says everything.
 */
