/* SPDX-License-Identifier: MIT */

/*
 * One attempt to start a unit:
 *
 *     queued ──> loading ──> checking ──(inactive)──> starting ──> running ──(job done)──> verdict
 *                                └──> busy ──(inactive)──┘             └──> waiting ──> verdict
 *
 * A unit that is running is never started: systemd would merge the new start job into the old one, and two
 * deliveries would share one run that knows only the first event. So the state of the unit is read first, and
 * a service that is busy is waited for.
 *
 * The state comes from PropertiesChanged, which systemd sends before the JobRemoved of the unit's job. It is
 * not read after that: an inactive unit may have been unloaded, and its Result with it. JobRemoved can arrive
 * before the reply to StartUnit() that names the job, so the last job that ended meanwhile is kept.
 *
 * At the timeout the job is cancelled and the attempt fails. The unit is left alone: a service that is
 * running has limits of its own (TimeoutStartSec=, RuntimeMaxSec=). The next attempt reports what became of
 * it meanwhile (detached.h) or waits until it is inactive, and starts it again only if it failed, under the
 * same event id. The same holds for a unit whose name contains the event's id (%e): it runs for this event,
 * even if an earlier daemon started it.
 */

#include "delivery/unit/unit_run.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "delivery/unit/unit_name.h"
#include "journal/event_message.h"
#include "util/cleanup.h"
#include "util/message.h"
#include "util/timespan.h"

enum unit_stage {
        STAGE_QUEUED,   /* not started yet */
        STAGE_LOADING,  /* LoadUnit() sent */
        STAGE_CHECKING, /* GetAll() sent */
        STAGE_BUSY,     /* the unit runs from an earlier start: wait until it is inactive */
        STAGE_STARTING, /* StartUnit() sent */
        STAGE_RUNNING,  /* the unit has a job: wait for its end */
        STAGE_WAITING,  /* the job is done: wait until the unit is active or inactive */
        STAGE_FAILING,  /* a failure is reported from the loop */
        STAGE_DONE,     /* succeeded after an earlier attempt: success is reported from the loop */
};

struct unit_run {
        const struct unit_run_context *context;
        struct hook_attempt attempt;
        enum unit_stage stage;
        char *unit;
        char *path; /* the unit's object; NULL until LoadUnit() has returned it */
        struct unit_state state;
        bool detached_before;         /* the unit may still run from an attempt that timed out */
        char *job;                    /* path of the job, or of a job that ended in STAGE_STARTING; or NULL */
        char job_result[24];          /* "" until JobRemoved */
        char *failure;                /* STAGE_FAILING: the reason, or NULL */
        sd_bus_slot *call;            /* the call that waits for its reply */
        sd_bus_slot *properties;      /* the match for PropertiesChanged */
        sd_event_source *time_source; /* the timeout; in STAGE_FAILING and STAGE_DONE the next iteration */
};

/* ---- end ---- */

static struct unit_run *run_free(struct unit_run *run)
{
        sd_bus_slot_unref(run->call);
        sd_bus_slot_unref(run->properties);
        sd_event_source_disable_unref(run->time_source);
        free(run->unit);
        free(run->path);
        free(run->job);
        free(run->failure);
        free(run);
        return NULL;
}

static void run_end(struct unit_run *run, bool success, const char *reason)
{
        const struct hook_end end = { .success = success, .reason = reason != NULL ? reason : "failed" };

        run->attempt.on_end(run->attempt.userdata, &end);
        run_free(run);
}

/* The unit is inactive, or was never started. */
static void release_files(struct unit_run *run)
{
        event_files_release(run->context->files, run->attempt.hook->name, run->attempt.event->id);
}

static void run_succeed(struct unit_run *run)
{
        release_files(run);
        run_end(run, true, "");
}

/* Owns `reason`, which may be NULL. So does run_fail_later(), which reports it from the loop. */
static void run_fail(struct unit_run *run, char *reason)
{
        CLEANUP(cleanup_free) char *owned = reason;

        release_files(run);
        run_end(run, false, owned);
}

static int timer_start(struct unit_run *run, uint64_t span_us)
{
        int r = sd_event_source_set_time_relative(run->time_source, span_us);

        return r < 0 ? r : sd_event_source_set_enabled(run->time_source, SD_EVENT_ONESHOT);
}

static void run_fail_later(struct unit_run *run, char *reason)
{
        if (run->stage == STAGE_FAILING) {
                free(reason);
                return;
        }
        run->stage = STAGE_FAILING;
        run->failure = reason;
        run->call = sd_bus_slot_unref(run->call);
        run->properties = sd_bus_slot_unref(run->properties);
        (void)timer_start(run, 0); /* cannot fail: the source exists and the time is valid */
}

static void log_skipped(const struct unit_run *run)
{
        const struct event *event = run->attempt.event;
        CLEANUP(cleanup_free) char *label = job_label(event->record.id, text_or_empty(&event->job_name));

        journal_print_about(run->context->journal, LOG_INFO, NULL, event->record.id, event->job_name.data,
                            "%s: hook %s: unit %s skipped: condition not met; counted as success",
                            label != NULL ? label : "A job", run->attempt.hook->name, run->unit);
}

/* Ends the run if the unit's state is final. */
static void take_verdict(struct unit_run *run)
{
        switch (unit_judge(&run->state, run->job_result)) {
        case UNIT_SKIPPED:
                log_skipped(run);
                run_succeed(run);
                return;
        case UNIT_SUCCEEDED:
                run_succeed(run);
                return;
        case UNIT_FAILED:
                run_fail(run, unit_explain_failure(run->unit, &run->state, run->job_result));
                return;
        case UNIT_UNDECIDED:
                run->stage = STAGE_WAITING;
        }
}

/* ---- timeout ---- */

/* Whether what runs in the unit is about this event and no other. */
static bool unit_is_of_event(const struct unit_run *run)
{
        return run->detached_before || unit_pattern_has_event(run->attempt.hook->target);
}

/* Whether the unit may be running for this event. */
static bool may_be_running(const struct unit_run *run)
{
        return run->stage == STAGE_RUNNING || run->stage == STAGE_WAITING ||
               (run->stage == STAGE_BUSY && unit_is_of_event(run));
}

/* Removes the start job. A unit that is already running continues. */
static void cancel_job(struct unit_run *run)
{
        if (run->stage == STAGE_RUNNING)
                manager_cancel_job(run->context->manager, run->job);
}

static char *explain_timeout(const struct unit_run *run)
{
        char span[TIMESPAN_TEXT_MAX];

        (void)timespan_format(run->attempt.hook->timeout_us, span);
        switch (run->stage) {
        case STAGE_RUNNING:
        case STAGE_WAITING:
                return format_message(
                        "unit %s did not finish within %s (timeout = of the hook); left running", run->unit,
                        span);
        case STAGE_BUSY:
                return format_message("unit %s not started: still running from an earlier start after %s",
                                      run->unit, span);
        case STAGE_QUEUED:
        case STAGE_LOADING:
        case STAGE_CHECKING:
        case STAGE_STARTING:
        case STAGE_FAILING:
        case STAGE_DONE:
                break;
        }
        return format_message("no reply from systemd about unit %s within %s", run->unit, span);
}

static void run_time_out(struct unit_run *run)
{
        CLEANUP(cleanup_free) char *reason = explain_timeout(run);

        cancel_job(run);
        /* A unit that still runs may still read its files; the next attempt uses them too. */
        if (may_be_running(run) && run->attempt.attempt <= run->attempt.hook->retries)
                detached_units_add(run->context->detached, &run->attempt, run->unit, run->path, &run->state);
        else
                release_files(run);
        run_end(run, false, reason);
}

static int on_time(sd_event_source *source, uint64_t time_us, void *userdata)
{
        (void)source;
        (void)time_us;
        struct unit_run *run = userdata;

        if (run->stage == STAGE_FAILING)
                run_fail(run, STEAL_POINTER(run->failure));
        else if (run->stage == STAGE_DONE)
                run_succeed(run);
        else
                run_time_out(run);
        return 0;
}

/* ---- from the start of the unit to the end of its job ---- */

void unit_run_job_removed(struct unit_run *run, const char *job, const char *unit, const char *result)
{
        bool ours = run->stage == STAGE_RUNNING && strcmp(run->job, job) == 0;

        if (!ours && (run->stage != STAGE_STARTING || !manager_path_is_of_unit(run->path, unit)))
                return;
        if (!ours) {
                free(run->job);
                run->job = strdup(job);
        }
        (void)snprintf(run->job_result, sizeof(run->job_result), "%s", result);
        if (ours)
                take_verdict(run);
}

static int on_started(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct unit_run *run = userdata;
        const char *job = NULL;
        char *reason = NULL;

        run->call = sd_bus_slot_unref(run->call);
        if (manager_read_path(message, run->unit, &job, &reason) < 0) {
                run_fail(run, reason);
                return 0;
        }
        run->stage = STAGE_RUNNING;
        if (run->job != NULL && strcmp(run->job, job) == 0) {
                take_verdict(run);
                return 0;
        }
        free(run->job);
        run->job_result[0] = '\0';
        run->job = strdup(job);
        if (run->job == NULL)
                run_fail_later(run, NULL);
        return 0;
}

/* The unit is inactive: writes its files and starts it. */
static void start_unit(struct unit_run *run)
{
        const struct hook_attempt *attempt = &run->attempt;
        CLEANUP(cleanup_free) char *reason = NULL;

        int r = event_files_hold(run->context->files, attempt->hook->name, attempt->event, attempt->attempt,
                                 attempt->document, attempt->document_size, &reason);
        if (r >= 0) {
                run->stage = STAGE_STARTING;
                run->state = (struct unit_state){ .main_code = 0 };
                r = timer_start(run, attempt->hook->timeout_us);
        }
        if (r >= 0)
                r = manager_start_unit(run->context->manager, run->unit, on_started, run, &run->call);
        if (r < 0)
                run_fail_later(run, reason != NULL ? STEAL_POINTER(reason)
                                                   : format_message("cannot start unit %s: %s", run->unit,
                                                                    strerror(-r)));
}

/* ---- from the queue to the start of the unit ---- */

static int on_change(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct unit_run *run = userdata;

        if (manager_read_change(message, &run->state) < 0)
                return 0; /* the timeout covers changes that are missed */
        if (run->stage == STAGE_WAITING) {
                take_verdict(run);
        } else if (run->stage == STAGE_BUSY && unit_is_inactive(&run->state)) {
                if (unit_is_of_event(run) && unit_has_succeeded(&run->state))
                        run_succeed(run);
                else
                        start_unit(run);
        }
        return 0;
}

static int on_checked(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct unit_run *run = userdata;
        char *reason = NULL;

        run->call = sd_bus_slot_unref(run->call);
        if (manager_read_unit(message, run->unit, &run->state, &reason) < 0) {
                run_fail(run, reason);
                return 0;
        }
        /* A target, timer or mount that is active is the desired state already, and starting it is harmless.
         */
        if (unit_is_inactive(&run->state) || !unit_name_is_service(run->unit))
                start_unit(run);
        else if (strcmp(run->state.sub, "exited") != 0)
                run->stage = STAGE_BUSY;
        else if (unit_is_of_event(run))
                run_succeed(run);
        else
                run_fail(run,
                         format_message("unit %s not started: still active from an earlier start; remove "
                                        "RemainAfterExit=yes from it, or add %%e to its name",
                                        run->unit));
        return 0;
}

static int on_loaded(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct unit_run *run = userdata;
        const char *path = NULL;
        char *reason = NULL;

        run->call = sd_bus_slot_unref(run->call);
        if (manager_read_path(message, run->unit, &path, &reason) < 0) {
                run_fail(run, reason);
                return 0;
        }
        run->path = strdup(path);
        if (run->path == NULL) {
                run_fail_later(run, NULL);
                return 0;
        }
        run->stage = STAGE_CHECKING;
        int r = manager_watch_unit(run->context->manager, path, on_change, run, &run->properties);
        if (r >= 0)
                r = manager_get_unit(run->context->manager, path, on_checked, run, &run->call);
        if (r < 0)
                run_fail_later(run, format_message("cannot query unit %s: %s", run->unit, strerror(-r)));
        return 0;
}

static int load_unit(struct unit_run *run, char **ret_reason)
{
        int r = manager_connect(run->context->manager, ret_reason);

        return r < 0 ? r : manager_load_unit(run->context->manager, run->unit, on_loaded, run, &run->call);
}

int unit_run_start(struct unit_run *run, char **ret_reason)
{
        assert(run->stage == STAGE_QUEUED);

        int r = load_unit(run, ret_reason);
        if (r == -ECONNRESET || r == -ENOTCONN) { /* the connection was lost, which shows only now */
                free(*ret_reason);
                r = load_unit(run, ret_reason);
        }
        if (r >= 0)
                r = timer_start(run, run->attempt.hook->timeout_us);
        if (r >= 0)
                run->stage = STAGE_LOADING;
        return r < 0 ? r : 0;
}

void unit_run_start_or_abort(struct unit_run *run)
{
        char *reason = NULL;

        int r = unit_run_start(run, &reason);
        if (r < 0)
                run_fail_later(run, reason != NULL ? reason
                                                   : format_message("cannot load unit %s: %s", run->unit,
                                                                    strerror(-r)));
}

void unit_run_abort(struct unit_run *run, char *reason)
{
        if (run->stage == STAGE_QUEUED || run->stage == STAGE_DONE)
                free(reason);
        else
                run_fail_later(run, reason);
}

/* ---- making a run ---- */

static int timer_new(struct unit_run *run)
{
        /* CLOCK_MONOTONIC: time in which the machine is suspended does not count. */
        int r = sd_event_add_time_relative(run->context->event, &run->time_source, CLOCK_MONOTONIC, 0,
                                           USEC_PER_MSEC, on_time, run);
        if (r >= 0)
                r = sd_event_source_set_enabled(run->time_source, SD_EVENT_OFF);
        if (r >= 0)
                (void)sd_event_source_set_description(run->time_source, "hook-unit-time");
        return r < 0 ? r : 0;
}

int unit_run_new(const struct unit_run_context *context, const struct hook_attempt *attempt,
                 char **ret_reason, struct unit_run **ret_run)
{
        struct unit_run *run = calloc(1, sizeof(*run));

        *ret_reason = NULL;
        if (run == NULL)
                return -ENOMEM;
        run->context = context;
        run->attempt = *attempt;

        int r = unit_name_expand(attempt->hook->target, attempt->event, ret_reason, &run->unit);
        if (r >= 0)
                r = timer_new(run);
        if (r < 0) {
                run_free(run);
                return r;
        }
        enum detached_result before = detached_units_take(context->detached, attempt, run->unit);
        run->detached_before = before == DETACHED_ACTIVE;
        if (before == DETACHED_SUCCEEDED) {
                run->stage = STAGE_DONE;
                (void)timer_start(run, 0); /* cannot fail: the source exists and the time is valid */
        }
        *ret_run = run;
        return 0;
}

struct unit_run *unit_run_cancel(struct unit_run *run)
{
        if (run == NULL)
                return NULL;

        cancel_job(run);
        return run_free(run);
}

const char *unit_run_unit(const struct unit_run *run)
{
        return run->unit;
}

bool unit_run_is_queued(const struct unit_run *run)
{
        return run->stage == STAGE_QUEUED;
}
