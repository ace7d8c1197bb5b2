/* SPDX-License-Identifier: MIT */

/*
 * One unit, from being loaded to its end, with and without an attempt:
 *
 *     idle ──(attempt, and the unit is inactive)──> starting ──> started ──(the job has ended)──> idle
 *                                                      └───────> denied ─────────────────────────^
 *
 * A unit that is running is never started: systemd would merge the new start job into the old one, and two
 * deliveries would share one run that knows only the first event. So the state of the unit is read first, and
 * a service that is busy is waited for.
 *
 * At the timeout the start job is cancelled and the attempt fails. The unit is left alone: a service that is
 * running has limits of its own (TimeoutStartSec=, RuntimeMaxSec=). It is followed until it has ended. The
 * next attempt reports a success, or waits until the unit is inactive, and starts it again only if it failed,
 * under the same event id. The same holds for a unit whose name contains the event's id (%e): it runs for
 * this event, even if an earlier daemon started it.
 *
 * The state of the unit comes from PropertiesChanged, which systemd sends before the JobRemoved of the unit's
 * job, and before it unloads the unit. It is read with GetAll() only once, at the beginning: systemd may
 * unload a unit as soon as it has ended, and if it is asked then, it loads the unit anew and has forgotten
 * what happened to it.
 */

#include "delivery/unit/unit_run.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "delivery/unit/unit_error.h"
#include "delivery/unit/unit_name.h"
#include "journal/event_message.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/timer.h"
#include "util/timespan.h"

#define PROPERTY_INTERFACE "org.freedesktop.DBus.Properties"

/* ---- the end of an attempt ---- */

/* Ends the attempt, if there is one, from the loop. Owns `reason`, which is that of a failure. */
static void end_later(struct unit_run *run, bool success, char *reason)
{
        if (!unit_run_is_attached(run) || run->over) {
                free(reason);
                return;
        }
        run->over = true;
        run->success = success;
        run->reason = reason;
        timer_start(run->time_source, 0);
}

static char *explain_timeout(const struct unit_run *run)
{
        char span[TIMESPAN_TEXT_MAX];

        (void)timespan_format(run->attempt.hook->timeout_us, span);
        if (!run->known || run->stage == START_DENIED)
                return format_message("no reply from systemd about unit %s within %s", run->unit, span);
        if (run->stage == START_IDLE)
                return format_message("unit %s not started: still running from an earlier start after %s",
                                      run->unit, span);
        if (unit_is_inactive(&run->state))
                return format_message("unit %s not started: its start job waited for other jobs for %s "
                                      "(timeout = of the hook)",
                                      run->unit, span);
        return format_message("unit %s did not finish within %s (timeout = of the hook); left running",
                              run->unit, span);
}

static int watch(struct unit_run *run);

/* Nothing is known of the unit any more. */
static void unwatch(struct unit_run *run)
{
        run->query = sd_bus_slot_unref(run->query);
        run->changes = sd_bus_slot_unref(run->changes);
        run->known = false;
        run->state = (struct unit_state){ .main_code = 0 };
}

/* Without an attempt, the unit is followed as long as it may read its event files. */
static void follow(struct unit_run *run)
{
        if (run->held && run->known && !unit_is_in_use(run->unit, &run->state)) {
                event_files_release(run->hooks->files, run->hook, run->event_id);
                run->held = false;
        }
        if (run->held)
                (void)watch(run); /* without a connection: when there is one */
}

/* The start has ended or is abandoned. What runs in the unit is ours only if it has been seen to run. */
static void end_start(struct unit_run *run)
{
        run->call = sd_bus_slot_unref(run->call);
        run->own = run->has_event || unit_is_running(&run->state);
        run->stage = START_IDLE;
}

static void detach(struct unit_run *run, bool retried)
{
        sd_bus *bus = bus_connection_get(run->hooks->connection);

        /* The caller of StartUnit() is permitted to do this. */
        if (run->stage == START_RUNNING && bus != NULL)
                (void)sd_bus_call_method_async(bus, NULL, SYSTEMD_NAME, run->job,
                                               "org.freedesktop.systemd1.Job", "Cancel", NULL, NULL, NULL);
        if (run->stage != START_IDLE)
                end_start(run);
        source_stop(run->time_source);
        run->attempt.on_end = NULL;
        run->retried = retried;
        free(run->reason);
        run->reason = NULL;
        follow(run);
}

static void on_time(void *userdata)
{
        struct unit_run *run = userdata;
        const struct hook_attempt attempt = run->attempt;
        bool retried = !run->success && attempt.attempt <= attempt.hook->retries && !attempt.event->test;

        CLEANUP(cleanup_free) char *reason = run->over ? STEAL_POINTER(run->reason) : explain_timeout(run);
        CLEANUP(cleanup_free) char *answer = format_message("unit %s has succeeded", run->unit);
        const struct hook_end end = { .success = run->success,
                                      .reason = run->success ? "" : reason,
                                      .answer = answer };

        detach(run, retried);
        run->in_end = true;
        attempt.on_end(attempt.userdata, &end);
        run->in_end = false;
        run->hooks->on_change(run->hooks);
}

/* ---- the start ---- */

/* The call has had no effect. */
static void set_not_started(struct unit_run *run)
{
        (void)snprintf(run->state.active, sizeof(run->state.active), "inactive");
}

static int on_polkit_reply(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct unit_run *run = userdata;

        end_start(run);
        end_later(run, false,
                  unit_explain_denial(run->unit, &run->denial, sd_bus_message_get_error(message)));
        return 0;
}

/* Has the bus start polkit if necessary. */
static void take_denial(struct unit_run *run, const sd_bus_error *error)
{
        set_not_started(run);
        sd_bus_error_free(&run->denial);
        (void)sd_bus_error_copy(&run->denial, error);
        int r = sd_bus_call_method_async(bus_connection_get(run->hooks->connection), &run->call,
                                         "org.freedesktop.PolicyKit1", "/", "org.freedesktop.DBus.Peer",
                                         "Ping", on_polkit_reply, run, "");
        if (r >= 0) {
                run->stage = START_DENIED;
                return;
        }
        end_start(run);
        end_later(run, false, format_message("cannot start unit %s: %s", run->unit, strerror(-r)));
}

static int on_start_reply(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct unit_run *run = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(message);
        const char *job = NULL;

        run->call = sd_bus_slot_unref(run->call);
        if (error != NULL && unit_error_is_denial(error)) {
                take_denial(run, error);
                return 0;
        }
        int r = sd_bus_message_read(message, "o", &job);
        if (r >= 0) {
                (void)snprintf(run->job, sizeof(run->job), "%s", job);
                run->stage = START_RUNNING;
                return 0;
        }
        if (error != NULL && !unit_error_is_no_reply(error))
                set_not_started(run);
        end_start(run);
        end_later(run, false, unit_explain_reply(run->unit, message, r));
        return 0;
}

/* The unit is inactive: writes its files and starts it. */
static void start_unit(struct unit_run *run)
{
        const struct hook_attempt *attempt = &run->attempt;
        char *reason = NULL;

        run->held = true; /* some of them, if this fails */
        int r = event_files_hold(run->hooks->files, run->hook, run->unit, attempt->event, attempt->attempt,
                                 attempt->document, &reason);
        if (r >= 0)
                r = sd_bus_call_method_async(bus_connection_get(run->hooks->connection), &run->call,
                                             SYSTEMD_NAME, SYSTEMD_PATH, MANAGER_INTERFACE, "StartUnit",
                                             on_start_reply, run, "ss", run->unit, "replace");
        if (r < 0) {
                end_later(run, false,
                          reason != NULL
                                  ? reason
                                  : format_message("cannot start unit %s: %s", run->unit, strerror(-r)));
                return;
        }
        timer_start(run->time_source, attempt->hook->timeout_us);
        run->state = (struct unit_state){ .main_code = 0 };
        run->stage = START_SENT;
}

static void log_skipped(const struct unit_run *run)
{
        const struct event *event = run->attempt.event;
        CLEANUP(cleanup_free) char *label = job_label(event->record.id, text_or_empty(&event->job_name));

        journal_print_about(run->hooks->journal, LOG_INFO, NULL, event->record.id, event->job_name.data,
                            "%s: hook %s: unit %s skipped: condition not met; counted as success", label,
                            run->hook, run->unit);
}

void unit_run_job_removed(struct unit_run *run, const char *job, const char *result)
{
        if (run->stage != START_RUNNING || strcmp(run->job, job) != 0)
                return;
        run->state.has_job = false; /* no later signal may say so */
        end_start(run);

        enum unit_verdict verdict = unit_judge(&run->state, result);
        if (verdict == UNIT_SKIPPED)
                log_skipped(run);
        end_later(run, verdict != UNIT_FAILED,
                  verdict == UNIT_FAILED ? unit_explain_failure(run->unit, &run->state, result) : NULL);
}

/* ---- the state ---- */

static void advance(struct unit_run *run)
{
        const struct unit_state *state = &run->state;

        /* A target, timer or mount that is active is the desired state already, and starting it is harmless.
         */
        if (run->succeeded)
                end_later(run, true, NULL);
        else if (unit_is_inactive(state) || !unit_name_is_service(run->unit))
                start_unit(run);
        else if (strcmp(state->sub, "exited") == 0)
                end_later(run, false,
                          format_message("unit %s not started: still active from an earlier start; remove "
                                         "RemainAfterExit=yes from it, or add %%e to its name",
                                         run->unit));
}

/* The state is known or has changed. The run may be freed by this. */
static void take_state(struct unit_run *run)
{
        if (run->stage != START_IDLE)
                return;
        if (run->own && unit_has_succeeded(&run->state))
                run->succeeded = true;
        if (!unit_run_is_attached(run)) {
                follow(run);
                run->hooks->on_change(run->hooks);
        } else if (run->begun && !run->over) {
                advance(run);
        }
}

/* ---- systemd ---- */

/* The unit cannot be watched. If it runs, its files stay. */
static void fail(struct unit_run *run, char *reason)
{
        unwatch(run);
        end_later(run, false, reason);
}

static int on_change(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct unit_run *run = userdata;
        const char *interface;

        if (sd_bus_message_read(message, "s", &interface) >= 0 &&
            unit_state_read(&run->state, message) >= 0 && run->known)
                take_state(run);
        return 0;
}

static int on_read(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct unit_run *run = userdata;

        int r = unit_state_read(&run->state, message);
        char *reason =
                r < 0 ? unit_explain_reply(run->unit, message, r) : unit_explain_load(run->unit, &run->state);
        if (r < 0 || reason != NULL) {
                fail(run, reason);
                return 0;
        }
        run->query = sd_bus_slot_unref(run->query);
        run->known = true;
        take_state(run);
        return 0;
}

static int on_loaded(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct unit_run *run = userdata;
        sd_bus *bus = bus_connection_get(run->hooks->connection);
        const char *object;

        run->query = sd_bus_slot_unref(run->query);
        int r = sd_bus_message_read(message, "o", &object);
        if (r < 0) {
                fail(run, unit_explain_reply(run->unit, message, r));
                return 0;
        }
        r = sd_bus_match_signal_async(bus, &run->changes, SYSTEMD_NAME, object, PROPERTY_INTERFACE,
                                      "PropertiesChanged", on_change, NULL, run);
        if (r >= 0) /* of all interfaces: Result is a property of the service, ActiveState one of the unit */
                r = sd_bus_call_method_async(bus, &run->query, SYSTEMD_NAME, object, PROPERTY_INTERFACE,
                                             "GetAll", on_read, run, "s", "");
        if (r < 0)
                fail(run, format_message("cannot query unit %s: %s", run->unit, strerror(-r)));
        return 0;
}

/*
 * Loads the unit and follows its state, unless that is done or in progress. Returns 0 or a negative errno;
 * -ENOTCONN if there is no connection.
 */
static int watch(struct unit_run *run)
{
        sd_bus *bus = bus_connection_get(run->hooks->connection);

        if (run->known || run->query != NULL)
                return 0;
        if (bus == NULL)
                return -ENOTCONN;
        /* Signals are sent to subscribers only. One that has subscribed already is refused. */
        int r = sd_bus_call_method_async(bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH, MANAGER_INTERFACE,
                                         "Subscribe", NULL, NULL, NULL);
        if (r >= 0)
                r = sd_bus_call_method_async(bus, &run->query, SYSTEMD_NAME, SYSTEMD_PATH, MANAGER_INTERFACE,
                                             "LoadUnit", on_loaded, run, "s", run->unit);
        return r < 0 ? r : 0;
}

void unit_run_connected(struct unit_run *run)
{
        if (!unit_run_is_attached(run))
                follow(run);
}

void unit_run_lost(struct unit_run *run)
{
        unwatch(run);
        end_start(run); /* whatever runs there when it is seen again */
        if (run->begun)
                end_later(run, false,
                          format_message("result of unit %s unknown: lost the connection to the system bus",
                                         run->unit));
}

/* ---- attempts ---- */

void unit_run_attach(struct unit_run *run, const struct hook_attempt *attempt)
{
        assert(!unit_run_is_attached(run));
        run->attempt = *attempt;
        run->begun = run->over = run->success = false;
}

void unit_run_start(struct unit_run *run)
{
        char *reason = NULL;

        assert(unit_run_is_attached(run) && !run->begun && !run->over);
        int r = bus_connection_open(run->hooks->connection, &reason);
        if (r >= 0)
                r = watch(run);
        if (r < 0) {
                end_later(run, false,
                          reason != NULL
                                  ? reason
                                  : format_message("cannot load unit %s: %s", run->unit, strerror(-r)));
                return;
        }
        run->begun = true;
        timer_start(run->time_source, run->attempt.hook->timeout_us);
        if (run->known)
                take_state(run);
}

void unit_run_cancel(struct unit_run *run)
{
        assert(unit_run_is_attached(run)); /* it has not ended */
        detach(run, true);
}

/* ---- life ---- */

struct unit_run *unit_run_new(struct unit_hooks *hooks, const char *hook, const char *event_id,
                              const char *unit, bool held)
{
        struct unit_run *run = memory_malloc(NULL, sizeof(*run));
        CLEANUP(cleanup_free) char *escaped_id = unit_name_escape(event_id, strlen(event_id));
        bool has_event = strstr(unit, escaped_id) != NULL;

        *run = (struct unit_run){
                .hooks = hooks,
                .hook = format_message("%s", hook),
                .unit = format_message("%s", unit),
                .has_event = has_event,
                .own = has_event,
                .held = held,
                .retried = held, /* perhaps */
        };
        (void)snprintf(run->event_id, sizeof(run->event_id), "%s", event_id);
        /* Time in which the machine is suspended does not count. */
        run->time_source = timer_new(hooks->event, CLOCK_MONOTONIC, USEC_PER_MSEC, on_time, run);
        TAILQ_INSERT_TAIL(&hooks->all, run, entry);
        return run;
}

struct unit_run *unit_run_free(struct unit_run *run)
{
        if (run == NULL)
                return NULL;

        assert(!run->in_end);
        TAILQ_REMOVE(&run->hooks->all, run, entry);
        unwatch(run);
        sd_bus_slot_unref(run->call);
        sd_event_source_disable_unref(run->time_source);
        sd_bus_error_free(&run->denial);
        free(run->reason);
        free(run->hook);
        free(run->unit);
        free(run);
        return NULL;
}
