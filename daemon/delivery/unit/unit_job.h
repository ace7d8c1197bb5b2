/* SPDX-License-Identifier: MIT */
#pragma once

#include "delivery/unit/manager.h"
#include "delivery/unit/unit_outcome.h"

/*
 * The use of one unit: its state, which is followed as long as this exists, and at most one start with its
 * result. It knows nothing of hooks and events, and has no time limits.
 */
struct unit_job;

/* Each function is called from the loop, and may free the job or call its other functions. */
struct unit_job_handler {
        /*
         * The state is known now, or it has changed. Not called between unit_job_start() and on_result().
         */
        void (*on_state)(void *userdata);

        /* The unit was started: the verdict is final, and for UNIT_FAILED there is a reason or NULL. */
        void (*on_result)(void *userdata, enum unit_verdict verdict, const char *reason);

        /*
         * The unit cannot be loaded or started. If the state is known, it is followed further.
         */
        void (*on_error)(void *userdata, const char *reason);

        void *userdata;
};

/*
 * Loads the unit, references it if that is permitted, and reads its state. The manager must be connected.
 * Everything is borrowed, `handler` too. Returns 0 or a negative errno; -ENOTCONN or -ECONNRESET if the
 * connection was lost. When it is lost later, the job must be freed: nothing is called any more.
 */
int unit_job_new(struct manager *manager, const char *unit, const struct unit_job_handler *handler,
                 struct unit_job **ret_job);

/* Releases the reference; the unit and its start job are left alone. Accepts NULL, returns NULL. */
struct unit_job *unit_job_free(struct unit_job *job);

/* Hands the job to another owner, who gets all later calls. */
void unit_job_set_handler(struct unit_job *job, const struct unit_job_handler *handler);

/* NULL until the state is known. While the unit is being started, it may be out of date. */
const struct unit_state *unit_job_state(const struct unit_job *job);

/* Starts the unit, whose state must be known. Again only after unit_job_cancel(). Returns 0 or a negative
 * errno. */
int unit_job_start(struct unit_job *job);

/* A job of some unit has ended (manager.h). */
void unit_job_removed(struct unit_job *job, const char *path, const char *unit, const char *result);

/*
 * Gives up the start: removes its job if that is still there, which leaves a unit that runs alone.
 * on_result() is not called any more; the state is followed.
 */
void unit_job_cancel(struct unit_job *job);
