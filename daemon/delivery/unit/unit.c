/* SPDX-License-Identifier: MIT */

/*
 * A unit that delivers an event:
 *
 *     turn ──> loading ──> looking ──(at rest)──> starting ──> running ──(job done)──> verdict
 *                             └──> busy ──(at rest)──┘            └──> settling ──> verdict
 *
 * A unit is never started into one that is at work. systemd would merge the new start into the old one: both
 * deliveries would be told of one and the same run, which knew nothing of the second event. So a run looks
 * first, and waits for a service that is busy; runs of ours for the same unit take turns.
 *
 * All that is known of a unit comes from PropertiesChanged, which systemd sends before the JobRemoved of its
 * job. It is not asked afterwards: a unit that is at rest may be unloaded by then, and one that is loaded
 * again has forgotten its result.
 *
 * The reply to StartUnit() names the job, and its end may be heard before it: the last job that ended in the
 * meantime is remembered.
 *
 * At its time-out the job is cancelled and waiting stops; that is a failure. The unit is left alone: what is
 * queued will not start any more, but a service that is at work goes on, since it has limits of its own
 * (TimeoutStartSec=, RuntimeMaxSec=) and we do not know what it would mean to break it off. The next attempt
 * gets what became of it in the meantime (detached_unit.c), or waits until it is at rest; only if it failed,
 * it is started again, under the same event id. The same goes for a unit whose name has the event's id in it
 * (%e): what is at work can only be about this event, though it was an earlier daemon that started it.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "delivery/unit/unit_internal.h"
#include "delivery/unit/unit_name.h"
#include "journal/event_message.h"
#include "util/cleanup.h"
#include "util/reason.h"
#include "util/timespan.h"

DEFINE_CLEANUP(struct hook_unit, hook_unit_cancel)

/* ---- from starting to the end of the job ---- */

/* Whether the name is the unit's own, of which ours may be an alias. */
static bool has_name(const struct hook_unit *run, const char *name)
{
        CLEANUP(cleanup_free) char *path = NULL;

        return sd_bus_path_encode(SYSTEMD_PATH "/unit", name, &path) >= 0 && strcmp(path, run->path) == 0;
}

void unit_job_removed(struct hook_unit *run, const char *job, const char *unit, const char *result)
{
        bool ours = run->stage == STAGE_RUNNING && strcmp(run->job, job) == 0;

        if (!ours && (run->stage != STAGE_STARTING || !has_name(run, unit)))
                return;
        if (!ours) {
                free(run->job);
                run->job = strdup(job);
        }
        (void)snprintf(run->job_result, sizeof(run->job_result), "%s", result);
        if (ours)
                unit_take_verdict(run);
}

/* The reply was an error, or cannot be read: then the run has ended. */
static bool reply_is_bad(struct hook_unit *run, sd_bus_message *message, int r)
{
        const sd_bus_error *error = sd_bus_message_get_error(message);

        if (error != NULL)
                unit_fail(run, unit_explain_error(run->unit, error));
        else if (r < 0)
                unit_fail(run, format_message("systemd's answer about unit %s makes no sense: %s", run->unit,
                                              strerror(-r)));
        return error != NULL || r < 0;
}

/* The object path that a reply consists of, or NULL: then the run has ended. */
static const char *reply_path(struct hook_unit *run, sd_bus_message *message)
{
        const char *path = NULL;

        int r = sd_bus_message_is_method_error(message, NULL) ? 0 : sd_bus_message_read(message, "o", &path);
        return reply_is_bad(run, message, r) ? NULL : path;
}

static int on_started(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct hook_unit *run = userdata;

        run->call = sd_bus_slot_unref(run->call);
        const char *job = reply_path(run, message);
        if (job == NULL)
                return 0;
        run->stage = STAGE_RUNNING;
        if (run->job != NULL && strcmp(run->job, job) == 0) {
                unit_take_verdict(run);
                return 0;
        }
        free(run->job);
        run->job_result[0] = '\0';
        run->job = strdup(job);
        if (run->job == NULL)
                unit_fail_later(run, NULL);
        return 0;
}

/* The unit is at rest: its files are written, and it is started. */
static void run_launch(struct hook_unit *run)
{
        const struct hook_attempt *attempt = &run->attempt;
        CLEANUP(cleanup_free) char *reason = NULL;

        int r = event_files_hold(run->bus->files, attempt->hook->name, attempt->event, attempt->attempt,
                                 attempt->document, attempt->document_size, &reason);
        if (r >= 0) {
                run->stage = STAGE_STARTING;
                run->state = (struct unit_state){ .main_code = 0 };
                r = unit_timer_start(run, attempt->hook->timeout_us);
        }
        if (r >= 0)
                r = sd_bus_call_method_async(run->bus->connection, &run->call, SYSTEMD_NAME, SYSTEMD_PATH,
                                             SYSTEMD_MANAGER, "StartUnit", on_started, run, "ss", run->unit,
                                             "replace");
        if (r < 0)
                unit_fail_later(run, reason != NULL ? STEAL_POINTER(reason)
                                                    : format_message("unit %s cannot be started: %s",
                                                                     run->unit, strerror(-r)));
}

/* ---- from the turn to starting ---- */

static bool is_service(const struct hook_unit *run)
{
        const char *kind = strrchr(run->unit, '.');

        return kind != NULL && strcmp(kind, ".service") == 0;
}

/* What was busy has come to rest. */
static void run_rest(struct hook_unit *run)
{
        if (unit_is_of_event(run) && unit_has_succeeded(&run->state))
                unit_succeed(run);
        else
                run_launch(run);
}

static int on_properties(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct hook_unit *run = userdata;
        const char *interface;

        if (sd_bus_message_read(message, "s", &interface) < 0 || unit_facts_read(&run->state, message) < 0)
                return 0; /* the time-out is there for what is never heard */
        if (run->stage == STAGE_BUSY && unit_is_at_rest(&run->state))
                run_rest(run);
        else if (run->stage == STAGE_WAITING)
                unit_take_verdict(run);
        return 0;
}

static int on_checked(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct hook_unit *run = userdata;

        run->call = sd_bus_slot_unref(run->call);
        int r = sd_bus_message_is_method_error(message, NULL) ? 0 : unit_facts_read(&run->state, message);
        if (reply_is_bad(run, message, r))
                return 0;
        /* A target, timer or mount that is up is what was asked for, and starting it does no harm. */
        if (unit_is_at_rest(&run->state) || !is_service(run))
                run_launch(run);
        else if (strcmp(run->state.sub, "exited") != 0)
                run->stage = STAGE_BUSY;
        else if (unit_is_of_event(run))
                unit_succeed(run);
        else
                unit_fail(run,
                          format_message("unit %s is up since an earlier start and so cannot be started; "
                                         "remove its RemainAfterExit=yes, or write %%e into its name",
                                         run->unit));
        return 0;
}

static int on_loaded(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct hook_unit *run = userdata;
        sd_bus *connection = run->bus->connection;

        run->call = sd_bus_slot_unref(run->call);
        const char *path = reply_path(run, message);
        if (path == NULL)
                return 0;
        run->path = strdup(path);
        if (run->path == NULL) {
                unit_fail_later(run, NULL);
                return 0;
        }
        run->stage = STAGE_CHECKING;
        int r = sd_bus_match_signal_async(connection, &run->properties, SYSTEMD_NAME, path,
                                          "org.freedesktop.DBus.Properties", "PropertiesChanged",
                                          on_properties, NULL, run);
        if (r >= 0)
                r = sd_bus_call_method_async(connection, &run->call, SYSTEMD_NAME, path,
                                             "org.freedesktop.DBus.Properties", "GetAll", on_checked, run,
                                             "s", SYSTEMD_UNIT);
        if (r < 0)
                unit_fail_later(run,
                                format_message("unit %s cannot be looked at: %s", run->unit, strerror(-r)));
        return 0;
}

static int ask_for_object(struct hook_unit *run, char **ret_reason)
{
        int r = bus_connect(run->bus, ret_reason);
        if (r < 0)
                return r;
        return sd_bus_call_method_async(run->bus->connection, &run->call, SYSTEMD_NAME, SYSTEMD_PATH,
                                        SYSTEMD_MANAGER, "LoadUnit", on_loaded, run, "s", run->unit);
}

/* Returns 0, or a negative errno with *ret_reason. */
static int run_load(struct hook_unit *run, char **ret_reason)
{
        int r = ask_for_object(run, ret_reason);
        if (r == -ECONNRESET || r == -ENOTCONN) /* the connection was lost earlier, and that shows only now */
                r = ask_for_object(run, ret_reason);
        if (r >= 0)
                r = unit_timer_start(run, run->attempt.hook->timeout_us);
        if (r >= 0)
                run->stage = STAGE_LOADING;
        return r < 0 ? r : 0;
}

/* Its turn has come. */
void unit_begin(struct hook_unit *run)
{
        CLEANUP(cleanup_free) char *reason = NULL;

        int r = run_load(run, &reason);
        if (r < 0)
                unit_fail_later(run, reason != NULL ? STEAL_POINTER(reason)
                                                    : format_message("unit %s cannot be asked for: %s",
                                                                     run->unit, strerror(-r)));
}

/* ---- the beginning ---- */

int hook_unit_start(struct hook_bus *bus, const struct hook_attempt *attempt, char **ret_reason,
                    struct hook_unit **ret_run)
{
        CLEANUP(cleanup_hook_unit_cancel) struct hook_unit *run = calloc(1, sizeof(*run));
        int r;

        *ret_reason = NULL;
        if (run == NULL)
                return -ENOMEM;
        run->bus = bus;
        run->attempt = *attempt;
        r = unit_name_expand(attempt->hook->target, attempt->event, ret_reason, &run->unit);
        if (r < 0)
                return r;
        /* Monotonic: a machine that sleeps does not use up the unit's time. */
        r = sd_event_add_time_relative(bus->context.event, &run->time_source, CLOCK_MONOTONIC, 0,
                                       USEC_PER_MSEC, unit_on_time, run);
        if (r >= 0)
                r = sd_event_source_set_enabled(run->time_source, SD_EVENT_OFF);
        if (r < 0)
                return r;
        (void)sd_event_source_set_description(run->time_source, "hook-unit-time");

        unit_queue_push(run);
        enum unit_take_detached recall = unit_take_detached(run);
        run->detached_before = recall == DETACHED_ACTIVE;
        if (recall == DETACHED_SUCCEEDED) {
                run->stage = STAGE_DONE;
                r = unit_timer_start(run, 0);
                if (r < 0)
                        return r;
        } else if (unit_queue_ahead(run) == NULL) {
                r = run_load(run, ret_reason);
                if (r < 0)
                        return r;
        }
        *ret_run = STEAL_POINTER(run);
        return 0;
}

struct hook_unit *hook_unit_cancel(struct hook_unit *run)
{
        if (run == NULL)
                return NULL;

        unit_cancel_job(run);
        unit_queue_remove(run);
        unit_free(run);
        return NULL;
}
