/* SPDX-License-Identifier: MIT */
#pragma once

/* What the halves of unit hooks share: hook_bus.c has the connection, hook_unit.c what happens to one unit.
 */

#include <systemd/sd-bus.h>

#include "delivery/unit/unit.h"
#include "delivery/unit/event_files.h"
#include "delivery/unit/unit_outcome.h"

#define SYSTEMD_NAME    "org.freedesktop.systemd1"
#define SYSTEMD_PATH    "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER "org.freedesktop.systemd1.Manager"
#define SYSTEMD_UNIT    "org.freedesktop.systemd1.Unit"
#define SYSTEMD_JOB     "org.freedesktop.systemd1.Job"

enum unit_stage {
        STAGE_QUEUED,   /* an earlier run of ours has the same unit */
        STAGE_LOADING,  /* asked which object the unit is */
        STAGE_CHECKING, /* asked whether it is at rest */
        STAGE_BUSY,     /* it is at work for something else: wait until it is at rest */
        STAGE_STARTING, /* asked to start it */
        STAGE_RUNNING,  /* it has a job; wait for its end */
        STAGE_WAITING,  /* the job is done; wait until it is up or at rest */
        STAGE_FAILING,  /* it fails as soon as the loop comes round */
        STAGE_DONE,     /* it succeeded after the attempt before had timed out: said in the same way */
};

struct hook_unit {
        struct hook_bus *bus;
        struct hook_unit *next; /* a later run */
        struct hook_attempt attempt;
        enum unit_stage stage;
        char *unit;
        char *path; /* the unit's object; NULL until it is known */
        struct unit_state state;
        bool detached_before;         /* the unit may be at work from an attempt before that timed out */
        char *job;                    /* its path; also of a job whose end was heard before it was ours */
        char job_result[24];          /* "" until its end was heard */
        char *failure;                /* STAGE_FAILING: the reason; NULL for want of memory */
        sd_bus_slot *call;            /* that waits for its reply */
        sd_bus_slot *properties;      /* the match for its changes */
        sd_event_source *time_source; /* its time-out, or its doom */
};

/* A unit whose time-out came before its end. */
struct detached_unit;

struct hook_bus {
        struct hook_context context;
        struct event_files *files;
        sd_bus *connection;     /* NULL: none yet */
        struct hook_unit *runs; /* the earliest first */
        struct detached_unit *left;
};

/* Connects to the system bus, if that is not done. Returns 0 or a negative errno with *ret_reason. */
int bus_connect(struct hook_bus *bus, char **ret_reason);

/* ---- hook_unit.c ---- */

/* Its turn has come. What fails shows in its end. */
void unit_begin(struct hook_unit *run);

/* A job of some unit has ended: JobRemoved. */
void unit_job_removed(struct hook_unit *run, const char *job, const char *unit, const char *result);

/* ---- hook_unit_end.c ---- */

/* Whether what is at work in the unit is about this event and no other. */
bool unit_is_of_event(const struct hook_unit *run);

/* Puts it behind the other runs, or takes it out, if it is in; then the next one of the unit begins. */
void unit_queue_push(struct hook_unit *run);
void unit_queue_remove(struct hook_unit *run);

/* An earlier run of the same unit, or NULL. */
struct hook_unit *unit_queue_ahead(const struct hook_unit *run);

/* What `time_source` calls, and when next. */
int unit_on_time(sd_event_source *source, uint64_t time_us, void *userdata);
int unit_timer_start(struct hook_unit *run, uint64_t span_us);

/*
 * These end the run: on_end() is called and the run is gone. unit_fail() takes `reason`, which may be NULL;
 * unit_take_verdict() does so only if the unit has settled.
 */
void unit_succeed(struct hook_unit *run);
void unit_fail(struct hook_unit *run, char *reason);
void unit_take_verdict(struct hook_unit *run);

/* Has the run fail from the loop, and not from within; takes `reason`, which may be NULL. */
void unit_fail_later(struct hook_unit *run, char *reason);

/* What is queued does not start any more; a unit that is at work is not touched. */
void unit_cancel_job(struct hook_unit *run);

/* Only the memory. */
void unit_free(struct hook_unit *run);

/* ---- detached_unit.c ---- */

enum unit_take_detached {
        DETACHED_NONE,
        DETACHED_ACTIVE,    /* its end was not heard of */
        DETACHED_SUCCEEDED, /* it came to a good end, or is up, after its time-out */
};

/* Goes on listening to the unit of a run that ends now. For want of memory the unit is forgotten. */
void unit_detach(struct hook_unit *run);

/* What is known of the unit from an attempt before with the same hook and event; forgets it. */
enum unit_take_detached unit_take_detached(struct hook_unit *run);

/* The connection is lost: forgets those that may be at work. With `all`, every one. */
void detached_units_forget(struct hook_bus *bus, bool all);
