/* SPDX-License-Identifier: MIT */

/*
 * One unit, from being loaded to the result of its start:
 *
 *     loading ──> referencing ──> reading ──> following ──(start)──> starting ──> running ──> result
 *                                                 ^                     └──> denied   └──> settling ──>
 * result └──(cancel)───────────────────────────┘
 *
 * The state comes from PropertiesChanged, which systemd sends before the JobRemoved of the unit's job, and is
 * complete after the first GetAll(). JobRemoved can arrive before the reply to StartUnit() that names the
 * job, so the last job of the unit that ended meanwhile is kept.
 *
 * A unit that has ended may be unloaded at once; it is loaded anew when its properties are read, and a unit
 * that failed then shows Result=success. The reference prevents that, but needs a permission of its own
 * (verb "ref"), without which everything goes on. Therefore a Result that is read is believed only together
 * with an InvocationID, which a unit that was loaded anew does not have. It is read after the end of the job
 * only if no signal has shown the state. If it is not there either, the result of the job decides.
 */

#include "delivery/unit/unit_job.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "delivery/unit/unit_error.h"
#include "util/cleanup.h"
#include "util/message.h"

enum job_stage {
        STAGE_LOADING,     /* LoadUnit() sent */
        STAGE_REFERENCING, /* RefUnit() sent */
        STAGE_READING,     /* GetAll() sent */
        STAGE_FOLLOWING,   /* the state is known */
        STAGE_STARTING,    /* StartUnit() sent */
        STAGE_DENIED,      /* not permitted; Ping() sent to polkit to find out why */
        STAGE_RUNNING,     /* the unit has a start job: wait for its end */
        STAGE_ENDED,       /* the job has ended and showed no state: GetAll() sent */
        STAGE_SETTLING,    /* the job is done: wait until the unit is active or inactive */
};

struct unit_job {
        struct manager *manager;
        const struct unit_job_handler *handler;
        enum job_stage stage;
        char *unit;
        char *object; /* the unit's path; NULL until LoadUnit() has returned it */
        bool referenced;
        struct unit_state state;
        char *path;              /* of the start job, or of one that ended in STAGE_STARTING; or NULL */
        char result[24];         /* of the start job; "" until JobRemoved */
        sd_bus_error denial;     /* in STAGE_DENIED: of StartUnit() */
        sd_bus_slot *call;       /* the call that waits for its reply */
        sd_bus_slot *properties; /* the match for PropertiesChanged */
};

/* ---- end ---- */

struct unit_job *unit_job_free(struct unit_job *job)
{
        if (job == NULL)
                return NULL;

        sd_bus_slot_unref(job->call);
        sd_bus_slot_unref(job->properties);
        if (job->referenced)
                manager_unref_unit(job->manager, job->unit);
        free(job->unit);
        free(job->object);
        free(job->path);
        sd_bus_error_free(&job->denial);
        free(job);
        return NULL;
}

/* The start has ended, or is abandoned: it can be made again. */
static void follow(struct unit_job *job)
{
        free(job->path);
        job->path = NULL;
        job->stage = STAGE_FOLLOWING;
}

/* Owns `reason`, which may be NULL. The job may be freed meanwhile. */
static void report_error(struct unit_job *job, char *reason)
{
        CLEANUP(cleanup_free) char *owned = reason;

        job->handler->on_error(job->handler->userdata, owned);
}

static void report_errno(struct unit_job *job, const char *action, int error)
{
        report_error(job, format_message("cannot %s unit %s: %s", action, job->unit, strerror(-error)));
}

/* Ends the start if the unit's state is final. */
static void take_verdict(struct unit_job *job)
{
        enum unit_verdict verdict = unit_judge(&job->state, job->result);
        CLEANUP(cleanup_free) char *reason = NULL;

        if (verdict == UNIT_UNDECIDED) {
                job->stage = STAGE_SETTLING;
                return;
        }
        if (verdict == UNIT_FAILED)
                reason = unit_explain_failure(job->unit, &job->state, job->result);
        follow(job);
        job->handler->on_result(job->handler->userdata, verdict, reason);
}

/* ---- the start ---- */

static int on_read_again(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct unit_job *job = userdata;
        struct unit_state state = { .main_code = 0 };
        CLEANUP(cleanup_free) char *reason = NULL;

        job->call = sd_bus_slot_unref(job->call);
        if (manager_read_unit(message, job->unit, &state, &reason) >= 0)
                job->state = state;
        take_verdict(job);
        return 0;
}

/* The start job has ended. */
static void end_start(struct unit_job *job)
{
        job->state.has_job = false; /* no later signal may say so */
        if (job->state.active[0] != '\0' ||
            manager_get_unit(job->manager, job->object, on_read_again, job, &job->call) < 0)
                take_verdict(job);
        else
                job->stage = STAGE_ENDED;
}

void unit_job_removed(struct unit_job *job, const char *path, const char *unit, const char *result)
{
        bool ours = job->stage == STAGE_RUNNING && strcmp(job->path, path) == 0;

        if (!ours && (job->stage != STAGE_STARTING || !manager_path_is_of_unit(job->object, unit)))
                return;
        if (!ours) {
                free(job->path);
                job->path = strdup(path);
        }
        (void)snprintf(job->result, sizeof(job->result), "%s", result);
        if (ours)
                end_start(job);
}

/* The call has had no effect. */
static void set_not_started(struct unit_job *job)
{
        (void)snprintf(job->state.active, sizeof(job->state.active), "inactive");
        follow(job);
}

static int on_polkit(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct unit_job *job = userdata;

        job->call = sd_bus_slot_unref(job->call);
        set_not_started(job);
        report_error(job, unit_explain_denial(job->unit, &job->denial, sd_bus_message_get_error(message)));
        return 0;
}

static void explain_denial(struct unit_job *job, const sd_bus_error *error)
{
        job->stage = STAGE_DENIED;
        sd_bus_error_free(&job->denial);
        int r = sd_bus_error_copy(&job->denial, error);
        if (r == -ENOMEM) {
                report_error(job, NULL);
                return;
        }
        r = manager_ping_polkit(job->manager, on_polkit, job, &job->call);
        if (r < 0)
                report_errno(job, "start", r);
}

static int on_started(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct unit_job *job = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(message);
        const char *path = NULL;
        char *reason = NULL;

        job->call = sd_bus_slot_unref(job->call);
        if (error != NULL && unit_error_is_denial(error)) {
                explain_denial(job, error);
                return 0;
        }
        if (manager_read_path(message, job->unit, &path, &reason) < 0) {
                if (error != NULL && !unit_error_is_no_reply(error))
                        set_not_started(job);
                report_error(job, reason);
                return 0;
        }
        job->stage = STAGE_RUNNING;
        if (job->path != NULL && strcmp(job->path, path) == 0) {
                end_start(job);
                return 0;
        }
        free(job->path);
        job->result[0] = '\0';
        job->path = strdup(path);
        if (job->path == NULL)
                report_error(job, NULL);
        return 0;
}

int unit_job_start(struct unit_job *job)
{
        assert(job->stage == STAGE_FOLLOWING && job->path == NULL);

        int r = manager_start_unit(job->manager, job->unit, on_started, job, &job->call);
        if (r < 0)
                return r;
        job->stage = STAGE_STARTING;
        job->state = (struct unit_state){ .main_code = 0 };
        job->result[0] = '\0';
        return 0;
}

void unit_job_cancel(struct unit_job *job)
{
        if (job->stage == STAGE_RUNNING)
                manager_cancel_job(job->manager, job->path);
        if (job->stage < STAGE_STARTING)
                return;
        job->call = sd_bus_slot_unref(job->call);
        follow(job);
}

/* ---- the state ---- */

const struct unit_state *unit_job_state(const struct unit_job *job)
{
        return job->stage >= STAGE_FOLLOWING ? &job->state : NULL;
}

static int on_change(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct unit_job *job = userdata;

        if (manager_read_change(message, &job->state) < 0)
                return 0; /* the owner's time limit covers changes that are missed */
        if (job->stage == STAGE_SETTLING)
                take_verdict(job);
        else if (job->stage == STAGE_FOLLOWING)
                job->handler->on_state(job->handler->userdata);
        return 0;
}

static int on_read(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct unit_job *job = userdata;
        char *reason = NULL;

        job->call = sd_bus_slot_unref(job->call);
        int r = manager_read_unit(message, job->unit, &job->state, &reason);
        if (r >= 0)
                reason = unit_explain_load(job->unit, &job->state);
        if (r < 0 || reason != NULL) {
                report_error(job, reason);
                return 0;
        }
        job->stage = STAGE_FOLLOWING;
        job->handler->on_state(job->handler->userdata);
        return 0;
}

static int on_referenced(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct unit_job *job = userdata;

        job->call = sd_bus_slot_unref(job->call);
        job->referenced = !sd_bus_message_is_method_error(message, NULL);
        job->stage = STAGE_READING;
        int r = manager_watch_unit(job->manager, job->object, on_change, job, &job->properties);
        if (r >= 0)
                r = manager_get_unit(job->manager, job->object, on_read, job, &job->call);
        if (r < 0)
                report_errno(job, "query", r);
        return 0;
}

static int on_loaded(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct unit_job *job = userdata;
        const char *object = NULL;
        char *reason = NULL;

        job->call = sd_bus_slot_unref(job->call);
        if (manager_read_path(message, job->unit, &object, &reason) < 0) {
                report_error(job, reason);
                return 0;
        }
        job->object = strdup(object);
        if (job->object == NULL) {
                report_error(job, NULL);
                return 0;
        }
        job->stage = STAGE_REFERENCING;
        int r = manager_ref_unit(job->manager, job->unit, on_referenced, job, &job->call);
        if (r < 0)
                report_errno(job, "query", r);
        return 0;
}

/* ---- life ---- */

int unit_job_new(struct manager *manager, const char *unit, const struct unit_job_handler *handler,
                 struct unit_job **ret_job)
{
        struct unit_job *job = calloc(1, sizeof(*job));

        if (job == NULL)
                return -ENOMEM;
        job->manager = manager;
        job->handler = handler;
        job->unit = strdup(unit);

        int r = job->unit == NULL ? -ENOMEM : manager_load_unit(manager, unit, on_loaded, job, &job->call);
        if (r < 0) {
                unit_job_free(job);
                return r;
        }
        *ret_job = job;
        return 0;
}

void unit_job_set_handler(struct unit_job *job, const struct unit_job_handler *handler)
{
        job->handler = handler;
}
