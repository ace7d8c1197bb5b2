/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "delivery/hook_setup.h"
#include "state/state.h"

enum attempt_stage {
        ATTEMPT_READING, /* its event */
        ATTEMPT_READ,    /* waits for attempt_run() */
        ATTEMPT_RUNNING,
        ATTEMPT_RECORDING,  /* its result */
        ATTEMPT_UNRECORDED, /* its result could not be recorded, which was logged: see attempt_record() */

        /* The other stages are final; in all but the last, the delivery remains due. */
        ATTEMPT_UNREAD, /* its event could not be read */
        ATTEMPT_SHORT,  /* it could not be made for want of descriptors, memory or processes */
        ATTEMPT_STOPPED,
        ATTEMPT_RECORDED,
};

enum attempt_result {
        ATTEMPT_DELIVERED,
        ATTEMPT_ABANDONED, /* the last attempt has failed */
        ATTEMPT_RETRY,
};

/* Attempts of one hook since the start, or since the hook was configured, by their results. */
struct attempt_counts {
        uint64_t succeeded, failed;
        size_t abandoned; /* deliveries about watched jobs, earlier runs included */
};

/* Borrowed until the attempt is freed. */
struct attempt_parts {
        struct state *state;
        struct journal *journal;
        struct attempt_counts *counts; /* incremented when the result is recorded */

        /* It has reached another stage than ATTEMPT_READING and ATTEMPT_RUNNING. Called from the loop. It
         * must not be freed by that. */
        void (*on_change)(void *userdata);
        void *userdata;
};

/* One attempt to make a delivery, from reading its event to recording its result. Its owner only reads it. */
struct attempt {
        struct attempt_parts parts;
        struct hook_setup *setup; /* from ATTEMPT_RUNNING on */
        struct delivery delivery; /* as in the state: once the result is recorded, with this attempt */
        struct state_operation operation;
        bool is_queued; /* the writer has the operation */
        bool detached;
        enum attempt_stage stage;
        struct event event;
        int read_result; /* of reading it */
        struct attempt_run run;
        enum attempt_result result; /* in stage ATTEMPT_RECORDED */
        char *reason;               /* of a failure or shortage */
        uint64_t ended_us; /* when a delivery ended, by the wall clock, or an attempt before a retry, by
                              clock_process_us() */
        uint64_t delay_us; /* before a retry */
        bool unrecorded;   /* that was logged */
        bool dropped;      /* by the owner: the delivery is not in the state any more */
};

/* Begins an attempt with the reading of its event. */
struct attempt *attempt_new(const struct attempt_parts *parts, const struct delivery *delivery);

/*
 * Runs the hook. To be called in stage ATTEMPT_READ. The attempt takes a reference to the setup. One that
 * fails to start counts as failed, unless that is for a shortage.
 */
void attempt_run(struct attempt *attempt, struct hook_setup *setup);

/*
 * Frees it, whatever its stage. If it is in progress it ends without a result; a result that is being
 * recorded will be recorded. Must not be called by on_change(). Accepts NULL, returns NULL.
 */
struct attempt *attempt_free(struct attempt *attempt);

/*
 * Ends an attempt: a program is asked to end, and its result is recorded; every other attempt is in its final
 * stage when this returns, unless it has a result already.
 */
void attempt_stop(struct attempt *attempt);

/* Tries again to record the result. To be called in stage ATTEMPT_UNRECORDED. */
void attempt_record(struct attempt *attempt);

/*
 * Whether it counts for `parallel`: from its start until its result is known, and longer if that could not be
 * recorded. Programs wait neither for the event of the next delivery nor for the result of the last.
 */
bool attempt_has_slot(const struct attempt *attempt);

/* Whether it has not been run yet. */
bool attempt_is_ahead(const struct attempt *attempt);

/* In stage ATTEMPT_SHORT. */
void attempt_log_shortage(const struct attempt *attempt);
