/* SPDX-License-Identifier: MIT */

/*
 * One attempt to start a unit:
 *
 *     queued ──> checking ──(inactive)──> started ──> result
 *                    └──> busy ──(inactive)──┘
 *
 * A unit that is running is never started: systemd would merge the new start job into the old one, and two
 * deliveries would share one run that knows only the first event. So the state of the unit is read first, and
 * a service that is busy is waited for.
 *
 * At the timeout the start job is cancelled and the attempt fails. The unit is left alone: a service that is
 * running has limits of its own (TimeoutStartSec=, RuntimeMaxSec=). Its job (unit_job.h) is handed to
 * detached.h, which follows the unit and holds its event files until it has ended. The next attempt takes it
 * back: it reports a success, or waits until the unit is inactive, and starts it again only if it failed,
 * under the same event id. The same holds for a unit whose name contains the event's id (%e): it runs for
 * this event, even if an earlier daemon started it.
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

enum run_stage {
        STAGE_QUEUED,   /* not started yet */
        STAGE_RESUMING, /* the job of an earlier attempt is checked from the loop */
        STAGE_CHECKING, /* wait for the unit's state */
        STAGE_BUSY,     /* the unit runs from an earlier start: wait until it is inactive */
        STAGE_STARTED,  /* wait for the result */
        STAGE_FAILING,  /* a failure is reported from the loop */
        STAGE_DONE,     /* succeeded after an earlier attempt: success is reported from the loop */
};

struct unit_run {
        const struct unit_run_context *context;
        struct hook_attempt attempt;
        enum run_stage stage;
        char *unit;
        bool of_event; /* what runs in the unit is about this event and no other */
        struct unit_job_handler handler;
        struct unit_job *job;         /* NULL: not made yet, or lost */
        char *failure;                /* STAGE_FAILING: the reason, or NULL */
        sd_event_source *time_source; /* the timeout; or the next iteration of the loop */
};

/* ---- end ---- */

static struct unit_run *run_free(struct unit_run *run)
{
        unit_job_free(run->job);
        sd_event_source_disable_unref(run->time_source);
        free(run->unit);
        free(run->failure);
        free(run);
        return NULL;
}

static bool is_held(const struct unit_run *run)
{
        return event_files_is_held(run->context->files, run->attempt.hook->name, run->attempt.event->id);
}

static bool may_read_event(const struct unit_run *run)
{
        const struct unit_state *state = run->job != NULL ? unit_job_state(run->job) : NULL;

        return state == NULL || unit_is_in_use(run->unit, state);
}

/* Leaves the unit to detached.h if it may still read its event files. Otherwise they are removed. */
static void leave_unit(struct unit_run *run, bool success)
{
        bool started = run->stage == STAGE_STARTED || (run->of_event && run->stage == STAGE_BUSY);

        if (run->job != NULL)
                unit_job_cancel(run->job);
        if (!is_held(run))
                return;
        if (may_read_event(run))
                detached_units_add(run->context->detached, &run->attempt, run->unit, STEAL_POINTER(run->job),
                                   started, !success && run->attempt.attempt <= run->attempt.hook->retries);
        else
                event_files_release(run->context->files, run->attempt.hook->name, run->attempt.event->id);
}

static void run_end(struct unit_run *run, bool success, const char *reason)
{
        const struct hook_end end = { .success = success, .reason = reason != NULL ? reason : "failed" };

        leave_unit(run, success);
        run->attempt.on_end(run->attempt.userdata, &end);
        run_free(run);
}

static int timer_start(struct unit_run *run, uint64_t span_us)
{
        int r = sd_event_source_set_time_relative(run->time_source, span_us);

        return r < 0 ? r : sd_event_source_set_enabled(run->time_source, SD_EVENT_ONESHOT);
}

/* Owns `reason`, which may be NULL. */
static void run_fail_later(struct unit_run *run, char *reason)
{
        if (run->stage == STAGE_FAILING) {
                free(reason);
                return;
        }
        run->stage = STAGE_FAILING;
        run->failure = reason;
        (void)timer_start(run, 0); /* cannot fail: the source exists and the time is valid */
}

/* ---- timeout ---- */

static char *explain_timeout(const struct unit_run *run)
{
        const struct unit_state *state = run->job != NULL ? unit_job_state(run->job) : NULL;
        char span[TIMESPAN_TEXT_MAX];

        (void)timespan_format(run->attempt.hook->timeout_us, span);
        if (run->stage == STAGE_BUSY)
                return format_message("unit %s not started: still running from an earlier start after %s",
                                      run->unit, span);
        if (run->stage != STAGE_STARTED)
                return format_message("no reply from systemd about unit %s within %s", run->unit, span);
        if (unit_is_inactive(state))
                return format_message("unit %s not started: its start job waited for other jobs for %s "
                                      "(timeout = of the hook)",
                                      run->unit, span);
        return format_message("unit %s did not finish within %s (timeout = of the hook); left running",
                              run->unit, span);
}

static void resume(struct unit_run *run);

static int on_time(sd_event_source *source, uint64_t time_us, void *userdata)
{
        (void)source;
        (void)time_us;
        struct unit_run *run = userdata;
        CLEANUP(cleanup_free) char *reason = NULL;

        switch (run->stage) {
        case STAGE_DONE:
                run_end(run, true, "");
                return 0;
        case STAGE_RESUMING:
                resume(run);
                return 0;
        case STAGE_FAILING:
                reason = STEAL_POINTER(run->failure);
                break;
        case STAGE_QUEUED:
        case STAGE_CHECKING:
        case STAGE_BUSY:
        case STAGE_STARTED:
                reason = explain_timeout(run);
                break;
        }
        run_end(run, false, reason);
        return 0;
}

/* ---- the unit's job ---- */

static void log_skipped(const struct unit_run *run)
{
        const struct event *event = run->attempt.event;
        CLEANUP(cleanup_free) char *label = job_label(event->record.id, text_or_empty(&event->job_name));

        journal_print_about(run->context->journal, LOG_INFO, NULL, event->record.id, event->job_name.data,
                            "%s: hook %s: unit %s skipped: condition not met; counted as success",
                            label != NULL ? label : "A job", run->attempt.hook->name, run->unit);
}

static void on_result(void *userdata, enum unit_verdict verdict, const char *reason)
{
        struct unit_run *run = userdata;

        if (verdict == UNIT_SKIPPED)
                log_skipped(run);
        run_end(run, verdict != UNIT_FAILED, verdict != UNIT_FAILED ? "" : reason);
}

static void on_error(void *userdata, const char *reason)
{
        struct unit_run *run = userdata;

        if (unit_job_state(run->job) == NULL)
                run->job = unit_job_free(run->job);
        run_end(run, false, reason);
}

/* The unit is inactive: writes its files and starts it. */
static void start_unit(struct unit_run *run)
{
        const struct hook_attempt *attempt = &run->attempt;
        CLEANUP(cleanup_free) char *reason = NULL;

        int r = event_files_hold(run->context->files, attempt->hook->name, run->unit, attempt->event,
                                 attempt->attempt, attempt->document, attempt->document_size, &reason);
        if (r >= 0)
                r = timer_start(run, attempt->hook->timeout_us);
        if (r >= 0)
                r = unit_job_start(run->job);
        if (r >= 0)
                run->stage = STAGE_STARTED;
        else
                run_fail_later(run, reason != NULL ? STEAL_POINTER(reason)
                                                   : format_message("cannot start unit %s: %s", run->unit,
                                                                    strerror(-r)));
}

static void check_state(struct unit_run *run)
{
        const struct unit_state *state = unit_job_state(run->job);
        CLEANUP(cleanup_free) char *reason = NULL;

        /* A target, timer or mount that is active is the desired state already, and starting it is harmless.
         */
        if (unit_is_inactive(state) || !unit_name_is_service(run->unit)) {
                start_unit(run);
        } else if (strcmp(state->sub, "exited") != 0) {
                run->stage = STAGE_BUSY;
        } else if (run->of_event) {
                run_end(run, true, "");
        } else {
                reason = format_message("unit %s not started: still active from an earlier start; remove "
                                        "RemainAfterExit=yes from it, or add %%e to its name",
                                        run->unit);
                run_end(run, false, reason);
        }
}

static void on_state(void *userdata)
{
        struct unit_run *run = userdata;
        const struct unit_state *state = unit_job_state(run->job);

        if (run->stage == STAGE_CHECKING) {
                check_state(run);
        } else if (run->stage == STAGE_BUSY && unit_is_inactive(state)) {
                if (run->of_event && unit_has_succeeded(state))
                        run_end(run, true, "");
                else
                        start_unit(run);
        }
}

/* The unit of an earlier attempt, which has not succeeded when the run was made. */
static void resume(struct unit_run *run)
{
        const struct unit_state *state = unit_job_state(run->job);

        (void)timer_start(run, run->attempt.hook->timeout_us);
        run->stage = state != NULL && run->of_event && unit_is_inactive(state) ? STAGE_BUSY : STAGE_CHECKING;
        if (state != NULL)
                on_state(run);
}

/* ---- start ---- */

static int make_job(struct unit_run *run, char **ret_reason)
{
        int r = manager_connect(run->context->manager, ret_reason);

        return r < 0 ? r : unit_job_new(run->context->manager, run->unit, &run->handler, &run->job);
}

int unit_run_start(struct unit_run *run, char **ret_reason)
{
        assert(run->stage == STAGE_QUEUED);

        *ret_reason = NULL;
        if (run->job != NULL) {
                run->stage = STAGE_RESUMING;
                return timer_start(run, 0);
        }
        int r = make_job(run, ret_reason);
        if (r == -ECONNRESET || r == -ENOTCONN) { /* the connection was lost, which shows only now */
                free(*ret_reason);
                r = make_job(run, ret_reason);
        }
        if (r >= 0)
                r = timer_start(run, run->attempt.hook->timeout_us);
        if (r >= 0)
                run->stage = STAGE_CHECKING;
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
        run->job = unit_job_free(run->job);
        run->of_event = unit_pattern_has_event(run->attempt.hook->target);
        if (run->stage == STAGE_QUEUED || run->stage == STAGE_DONE)
                free(reason);
        else
                run_fail_later(run, reason);
}

void unit_run_job_removed(struct unit_run *run, const char *job, const char *unit, const char *result)
{
        if (run->job != NULL)
                unit_job_removed(run->job, job, unit, result);
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

/* Continues with what an earlier attempt left. */
static void take_detached(struct unit_run *run)
{
        bool started;
        enum detached_result before =
                detached_units_take(run->context->detached, &run->attempt, run->unit, &run->job, &started);

        if (run->job != NULL)
                unit_job_set_handler(run->job, &run->handler);
        run->of_event = started || unit_pattern_has_event(run->attempt.hook->target);
        if (before == DETACHED_SUCCEEDED && run->of_event) {
                run->stage = STAGE_DONE;
                (void)timer_start(run, 0); /* cannot fail: the source exists and the time is valid */
        }
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
        run->handler = (struct unit_job_handler){
                .on_state = on_state,
                .on_result = on_result,
                .on_error = on_error,
                .userdata = run,
        };

        int r = unit_name_expand(attempt->hook->target, attempt->event, ret_reason, &run->unit);
        if (r >= 0)
                r = timer_new(run);
        if (r < 0) {
                run_free(run);
                return r;
        }
        take_detached(run);
        *ret_run = run;
        return 0;
}

struct unit_run *unit_run_cancel(struct unit_run *run)
{
        if (run == NULL)
                return NULL;

        leave_unit(run, false);
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
