/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "ctl/client.h"

/*
 * Keeping up with the service while it may restart. The signals say that something has happened; what it was
 * is asked for by calls.
 */

/* What a step comes to: the exit status of the process, after a message, or one of these. */
enum step {
        STEP_ON = -1,     /* go on */
        STEP_ABSENT = -2, /* the service is not there, after follow_begin(): follow_until_present() */
};

/* `client` and `jobs` are borrowed; all else is zero at the start. */
struct follow {
        struct client *client;
        const struct id_list *jobs; /* whose events matter; NULL: all */
        bool notified;              /* there are events to read; cleared by the caller, before it reads */
        bool relist;                /* other jobs may be watched than before; cleared likewise */
        bool begun;                 /* follow_begin() was called; else absence is an error */
        bool was_there;             /* the service has been on the bus; until then, its absence is an error */
        bool appeared;              /* it has come to the bus */
};

/* Subscribes to the signals. `notified` and `relist` are set, since nothing was read yet. */
int follow_begin(struct follow *follow);

/* client_try() for a call: STEP_ON with the reply, which the caller unrefs. */
int follow_call(struct follow *follow, sd_bus_message *call, sd_bus_message **ret_reply);

/* The step after a failure of client_try() or the like. Clears the failure. */
int follow_failed(struct follow *follow, struct call_failure *failure);

/* Waits until `notified` or `relist` is set. */
int follow_wait(struct follow *follow);

/* The same, but not longer than this time. */
int follow_wait_at_most(struct follow *follow, uint64_t span_us);

/* Waits until the service is on the bus. `notified` and `relist` are set then. */
int follow_until_present(struct follow *follow);

/* The same, but not longer than this time. */
int follow_until_present_at_most(struct follow *follow, uint64_t span_us);
