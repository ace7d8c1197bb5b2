/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>

#include "bus/connection.h"
#include "delivery/hook.h"
#include "delivery/unit/event_files.h"
#include "delivery/unit/unit_state.h"

/* The service manager on the system bus. */
#define SYSTEMD_NAME      "org.freedesktop.systemd1"
#define SYSTEMD_PATH      "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE "org.freedesktop.systemd1.Manager"

/* What all of them share. */
struct unit_hooks {
        sd_event *event; /* these three are borrowed */
        struct journal *journal;
        struct bus_connection *connection;
        struct event_files *files;

        /*
         * Called from the loop when an attempt, or a unit that was only followed, has ended: runs that are
         * done may be freed, and others may be started.
         */
        void (*on_change)(struct unit_hooks *hooks);

        struct bus_listener listener;
        sd_bus_slot *job_removed; /* the match */
        TAILQ_HEAD(, unit_run) all;
};

enum start_stage {
        START_IDLE,
        START_SENT,    /* StartUnit() */
        START_DENIED,  /* it is not permitted; Ping() sent to polkit to find out why */
        START_RUNNING, /* wait for the end of the start job */
};

/*
 * The use of one unit by one hook for one event: an attempt to start it, and its event files until it has
 * ended. It outlives its attempt while the unit may read the files, and while the next attempt has to learn
 * that the unit has succeeded after a timeout. Others only read it, but for `entry`.
 */
struct unit_run {
        TAILQ_ENTRY(unit_run) entry;
        struct unit_hooks *hooks;
        char *hook; /* its name */
        char event_id[EVENT_ID_SIZE];
        char *unit;
        bool has_event; /* the unit's name contains the event's id */
        bool own;       /* what runs in the unit is about this event and no other */
        bool held;      /* its event files exist */
        bool succeeded; /* the unit has, for this event */

        sd_bus_slot *query;   /* LoadUnit() or GetAll() */
        sd_bus_slot *changes; /* the match for PropertiesChanged */
        bool known;
        struct unit_state state; /* once it is known */

        enum start_stage stage;
        sd_bus_slot *call;   /* that of the stage */
        sd_bus_error denial; /* in START_DENIED: of StartUnit() */
        char job[64];        /* in START_RUNNING: its path */

        struct hook_attempt attempt; /* on_end is NULL: there is none */
        bool begun;                  /* by unit_run_start() */
        bool over;                   /* the end is reported from the loop: */
        bool success;
        char *reason;                 /* of a failure */
        bool retried;                 /* after the attempt there is another */
        bool in_end;                  /* on_end() is being called */
        sd_event_source *time_source; /* the timeout, or the next iteration of the loop */
};

static inline bool unit_run_is_attached(const struct unit_run *run)
{
        return run->attempt.on_end != NULL;
}

/*
 * A run without an attempt, the last one in the list. `held`: there are event files of an earlier daemon for
 * the unit. Texts are copied.
 */
struct unit_run *unit_run_new(struct unit_hooks *hooks, const char *hook, const char *event_id,
                              const char *unit, bool held);

/* Leaves the unit and its files alone. Accepts NULL, returns NULL. */
struct unit_run *unit_run_free(struct unit_run *run);

/* Gives it an attempt, which is queued until unit_run_start(). attempt->on_end() is called as hook.h says. */
void unit_run_attach(struct unit_run *run, const struct hook_attempt *attempt);

/* Starts a queued attempt. Errors end it. */
void unit_run_start(struct unit_run *run);

/*
 * Ends the attempt without on_end() and cancels the unit's start job. A unit that is running continues, and
 * is followed.
 */
void unit_run_cancel(struct unit_run *run);

/* The connection was made; it was lost. */
void unit_run_connected(struct unit_run *run);
void unit_run_lost(struct unit_run *run);

/* A start job of some unit has ended, with systemd's word for the result. */
void unit_run_job_removed(struct unit_run *run, const char *job, const char *result);
