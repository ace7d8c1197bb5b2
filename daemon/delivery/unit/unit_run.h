/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/connection.h"
#include "delivery/hook.h"
#include "delivery/unit/event_files.h"

/*
 * The use of one unit by one hook for one event: an attempt to start it, and its event files until it has
 * ended. It outlives its attempt while the unit may read the files, and while the next attempt has to learn
 * that the unit has succeeded after a timeout.
 */
struct unit_run;

/* What all of them share; borrowed. */
struct unit_context {
        sd_event *event;
        struct journal *journal;
        struct bus_connection *connection;
        struct event_files *files;

        /*
         * Called from the loop when an attempt, or a unit that was only followed, has ended: runs that are
         * done may be freed, and others may be started.
         */
        void (*on_change)(void *userdata);
        void *userdata;
};

/*
 * A run without an attempt. `held`: there are event files of an earlier daemon for the unit. Texts are
 * copied.
 */
struct unit_run *unit_run_new(const struct unit_context *context, const char *hook, const char *event_id,
                              const char *unit, bool held);

/* Leaves the unit and its files alone. Accepts NULL, returns NULL. */
struct unit_run *unit_run_free(struct unit_run *run);

bool unit_run_is_of(const struct unit_run *run, const char *hook, const char *event_id, const char *unit);
bool unit_run_has_same_unit(const struct unit_run *run, const struct unit_run *other);

/* Gives it an attempt, which is queued until unit_run_start(). attempt->on_end() is called as hook.h says. */
void unit_run_attach(struct unit_run *run, const struct hook_attempt *attempt);
bool unit_run_is_attached(const struct unit_run *run);
bool unit_run_is_queued(const struct unit_run *run);

/* Starts a queued attempt. Errors end it. */
void unit_run_start(struct unit_run *run);

/*
 * Ends the attempt without on_end() and cancels the unit's start job. A unit that is running continues, and
 * is followed.
 */
void unit_run_cancel(struct unit_run *run);

/* Whether it has neither an attempt, nor a unit to follow, nor a success to report. */
bool unit_run_is_done(const struct unit_run *run);

/* The connection was made; it was lost. */
void unit_run_connected(struct unit_run *run);
void unit_run_lost(struct unit_run *run);

/* A start job of some unit has ended, with systemd's word for the result. */
void unit_run_job_removed(struct unit_run *run, const char *job, const char *result);
