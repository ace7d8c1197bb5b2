/* SPDX-License-Identifier: MIT */

/*
 * Runs the event loop of all parts, and decides when the process ends: on SIGTERM or SIGINT, when all jobs
 * have ended, after the one round of --once, or when --timeout expires.
 *
 *      start ──> active ──the proof is lost──> standby ──the lock is taken──> active
 *
 * Each of these has an event loop and parts of its own, which end with it. So what is in memory of an active
 * host is discarded as at an exit, and read again as at a start.
 */

#include "app/daemon.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "app/building.h"
#include "app/control.h"
#include "app/ending.h"
#include "app/metrics_file.h"
#include "app/opening.h"
#include "app/reload.h"
#include "app/signals.h"
#include "app/standby.h"
#include "app/status_line.h"
#include "app/status_text.h"
#include "app/summary.h"
#include "config/config_digest.h"
#include "journal/message_ids.h"
#include "monitor/last_run.h"
#include "platform/clock.h"
#include "util/cleanup.h"
#include "util/message.h"
#include "util/timer.h"
#include "util/timespan.h"

/* How often the journal gets a summary. */
#define SUMMARY_INTERVAL_US (1 * USEC_PER_DAY)

struct daemon {
        struct parts parts;
        struct reload *reload;
        uint64_t timeout_at_us; /* CLOCK_BOOTTIME; 0: there is none */
        sd_event_source *timeout;
        sd_event_source *summary;
        struct status_line *status;
        struct ending ending;          /* until it begins, every part exists and runs, whatever the state */
        bool idle_reported;            /* that all jobs have ended */
        bool reload_failed;            /* the last reload did */
        bool state_slow;               /* writing to it makes no progress */
        struct store_active_host host; /* this one, if there are several */
        bool hands_over;               /* it was asked for that */
        bool stands_by;                /* this host is not active any more */
        char *last_status;             /* STATUS= after the end; NULL: none */
};

/* ---- exit ---- */

/* Nothing new is started from now on; running hooks are asked to end. */
static void end(struct daemon *daemon, enum exit_status status, bool wait_for_hooks)
{
        daemon->timeout = sd_event_source_disable_unref(daemon->timeout);
        daemon->summary = sd_event_source_disable_unref(daemon->summary);
        activity_stop(daemon->parts.activity);
        control_stop(daemon->parts.control);
        metrics_file_stop(daemon->parts.metrics_file);
        reload_stop(daemon->reload);
        monitor_stop(daemon->parts.monitor);
        outbox_stop(daemon->parts.outbox);
        ending_begin(&daemon->ending, status, wait_for_hooks);
}

/* All jobs have ended, and no delivery is pending. */
static void exit_when_finished(struct daemon *daemon, const struct monitor_counts *counts)
{
        const struct outbox_counts deliveries = outbox_count(daemon->parts.outbox);
        bool when_done = daemon->parts.config->exit_when == EXIT_DONE;
        enum exit_status status = EXIT_STATUS_SUCCESS;

        if (daemon->parts.options->once)
                status = exit_status_of_round(counts, deliveries.state_error);
        if (counts->report_error < 0)
                journal_print(daemon->parts.journal, LOG_ERR,
                              "Cannot write the report to standard output: %s.",
                              strerror(-counts->report_error));
        if (status == EXIT_STATUS_SUCCESS && when_done)
                status = exit_status_when_done(counts, deliveries.abandoned);

        if (when_done)
                summary_log_abandoned(daemon->parts.journal, deliveries.abandoned);
        daemon->last_status = summary_of_end(counts, deliveries.abandoned);
        end(daemon, status, false);
}

/* Nothing is left to poll, or a delivery has ended: exits if there is nothing left to do. */
static void on_idle(void *userdata)
{
        struct daemon *daemon = userdata;

        if (ending_has_begun(&daemon->ending) || !monitor_is_idle(daemon->parts.monitor))
                return;

        struct monitor_counts counts = monitor_count(daemon->parts.monitor);
        bool exit_when_done = daemon->parts.config->exit_when == EXIT_DONE;

        if (!daemon->idle_reported && !daemon->parts.options->once)
                summary_log_finished(daemon->parts.journal, &counts,
                                     !exit_when_done ? "Nothing left to poll."
                                     : outbox_is_idle(daemon->parts.outbox)
                                             ? "Exiting."
                                             : "Waiting for hooks, then exiting.");
        daemon->idle_reported = true;
        if (outbox_is_idle(daemon->parts.outbox) && (daemon->parts.options->once || exit_when_done))
                exit_when_finished(daemon, &counts);
}

static int on_stop_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        (void)source;
        struct daemon *daemon = userdata;

        if (ending_has_begun(&daemon->ending) && !daemon->stands_by)
                return 0;
        daemon->stands_by = false;
        daemon->ending.status = EXIT_STATUS_SUCCESS;
        (void)sd_notify(false, "STOPPING=1");
        journal_print_about(daemon->parts.journal, LOG_INFO, MESSAGE_ID_STOPPING, 0, NULL,
                            "Received %s, stopping.", info->ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");

        /* Running hooks get some time to end. Deliveries not done by then are made after the next start. */
        end(daemon, EXIT_STATUS_SUCCESS, true);
        return 0;
}

static void on_timeout(void *userdata)
{
        struct daemon *daemon = userdata;
        struct monitor_counts counts = monitor_count(daemon->parts.monitor);
        char span[TIMESPAN_TEXT_MAX];

        daemon->last_status = format_message("--timeout %s expired: %zu of %zu job%s still open",
                                             timespan_format(daemon->parts.options->timeout_us, span),
                                             counts.open, counts.watched, plural(counts.watched));
        journal_print(daemon->parts.journal, LOG_WARNING, "%s. Exiting.", daemon->last_status);
        end(daemon, EXIT_STATUS_TIMEOUT, false);
}

/* ---- several hosts ---- */

static void on_renewed(void *userdata)
{
        struct daemon *daemon = userdata;

        outbox_resume(daemon->parts.outbox);
        monitor_resume(daemon->parts.monitor);
}

static void log_lost(const struct daemon *daemon, const char *reason)
{
        journal_print_about(daemon->parts.journal, LOG_WARNING, MESSAGE_ID_STANDING_BY, 0, NULL,
                            "This host is not active any more: %s. It starts nothing, ends its hooks, and "
                            "stands by.",
                            reason);
}

static void on_activity_end(void *userdata, enum activity_end why, const char *reason)
{
        struct daemon *daemon = userdata;

        if (ending_has_begun(&daemon->ending))
                return;
        switch (why) {
        case ACTIVITY_LOST:
                log_lost(daemon, reason);
                state_abandon(daemon->parts.state);
                break;
        case ACTIVITY_HANDOVER:
                journal_print_about(daemon->parts.journal, LOG_NOTICE, MESSAGE_ID_STANDING_BY, 0, NULL,
                                    "This host gives up being active: %s. It ends its hooks, and stands by.",
                                    reason);
                daemon->hands_over = true;
                break;
        }
        (void)sd_notify(false, "STATUS=standing by");
        daemon->stands_by = true;
        daemon->ending.stands_by = true;
        end(daemon, EXIT_STATUS_STATE, true);
}

static bool hand_over(void *userdata, const char *reason)
{
        struct daemon *daemon = userdata;

        if (daemon->parts.activity == NULL)
                return false;
        activity_hand_over(daemon->parts.activity, reason);
        return true;
}

/* ---- status ---- */

static struct status_facts collect_facts(struct daemon *daemon, uint64_t now_us)
{
        return (struct status_facts){
                .config = daemon->parts.config,
                .jobs = monitor_count(daemon->parts.monitor),
                .deliveries = outbox_count(daemon->parts.outbox),
                .state_error = recorder_state_error(daemon->parts.recorder),
                .state_slow = daemon->state_slow,
                .state_disk_is_low = state_disk_is_low(daemon->parts.state),
                .journal_stuck = journal_is_stuck(daemon->parts.journal),
                .host = daemon->parts.activity != NULL ? &daemon->host : NULL,
                .reload_failed = daemon->reload_failed,
                .now_us = now_us,
                .wall_us = clock_wall_us(),
        };
}

static char *describe_status(void *userdata, uint64_t now_us, bool *ret_stable)
{
        struct daemon *daemon = userdata;

        if (ending_has_begun(&daemon->ending))
                return NULL;
        const struct status_facts facts = collect_facts(daemon, now_us);

        /* In the middle of a poll the next one is not known; this text may stay until then. */
        *ret_stable = facts.jobs.open == 0 || facts.jobs.next_us != USEC_NEVER;
        return status_text(&facts);
}

static void on_state_slow(void *userdata, bool is_slow)
{
        struct daemon *daemon = userdata;
        const char *place = config_state_place(daemon->parts.config);

        daemon->state_slow = is_slow;
        if (is_slow)
                journal_print(daemon->parts.journal, LOG_WARNING,
                              "Writing to %s takes longer than 10s. Polling continues; events and hooks wait "
                              "until the disk responds.",
                              place);
        else
                journal_print(daemon->parts.journal, LOG_NOTICE, "The disk of %s responds again.", place);
}

static void on_summary(void *userdata)
{
        struct daemon *daemon = userdata;

        struct monitor_counts counts = monitor_count(daemon->parts.monitor);

        summary_log_daily(daemon->parts.journal, daemon->parts.config, &counts);
        timer_start(daemon->summary, SUMMARY_INTERVAL_US);
}

static void on_jobs_changed(void *userdata)
{
        struct daemon *daemon = userdata;

        if (monitor_count(daemon->parts.monitor).open > 0)
                daemon->idle_reported = false;
        status_line_send(daemon->status);
        control_tell_jobs_changed(daemon->parts.control);
}

/* For the hosts that stand by. */
static void publish_config(struct daemon *daemon)
{
        if (daemon->parts.activity == NULL)
                return;
        CLEANUP(cleanup_free) char *digest = config_digest(daemon->parts.config);
        state_put_value(daemon->parts.state, CONFIG_DIGEST_KEY, digest, strlen(digest));
}

static void on_reload_end(void *userdata, bool succeeded)
{
        struct daemon *daemon = userdata;

        if (succeeded)
                publish_config(daemon);

        daemon->reload_failed = !succeeded;
        metrics_file_update(daemon->parts.metrics_file);
        on_jobs_changed(daemon);
}

static struct status_facts describe_facts(void *userdata)
{
        struct daemon *daemon = userdata;
        uint64_t now_us = 0;

        (void)sd_event_now(daemon->parts.event, CLOCK_BOOTTIME, &now_us);
        return collect_facts(daemon, now_us);
}

/* ---- signals and timers ---- */

static int on_reload_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        (void)source;
        (void)info;
        struct daemon *daemon = userdata;

        reload_request(daemon->reload);
        return 0;
}

static void add_timers(struct daemon *daemon)
{
        if (daemon->timeout_at_us > 0) {
                daemon->timeout =
                        timer_new(daemon->parts.event, CLOCK_BOOTTIME, USEC_PER_MSEC, on_timeout, daemon);
                timer_start_at(daemon->timeout, daemon->timeout_at_us);
        }
        daemon->summary = timer_new(daemon->parts.event, CLOCK_BOOTTIME, USEC_PER_MIN, on_summary, daemon);
        timer_start(daemon->summary, SUMMARY_INTERVAL_US);
        daemon->status = status_line_new(daemon->parts.event, describe_status, daemon);
}

/* ---- the run ---- */

static void log_start(struct daemon *daemon)
{
        if (daemon->parts.activity != NULL)
                journal_print_about(daemon->parts.journal, LOG_NOTICE, MESSAGE_ID_ACTIVE, 0, NULL,
                                    "This host is active: it has the lock of %s.",
                                    config_state_place(daemon->parts.config));
        const struct monitor_counts counts = monitor_count(daemon->parts.monitor);
        const struct outbox_counts deliveries = outbox_count(daemon->parts.outbox);

        summary_log_start(daemon->parts.journal, daemon->parts.config, &counts, deliveries.pending);
        if (deliveries.pending > 0 && last_run_crashed(state_store(daemon->parts.state)))
                journal_print(daemon->parts.journal, LOG_NOTICE,
                              "The last run did not end cleanly. Hooks that were running are run again.");
        /* That they have ended was reported by the run that observed it. */
        daemon->idle_reported = counts.open == 0 && daemon->parts.config->exit_when != EXIT_DONE;
}

static enum exit_status fail_with(struct daemon *daemon, const char *what, int error)
{
        journal_print(daemon->parts.journal, LOG_ERR, "Cannot %s: %s. Exiting.", what, strerror(-error));
        return EXIT_STATUS_SOFTWARE;
}

/* Between several hosts; a negative errno if this one is not active after all. */
static int start_activity(struct daemon *daemon)
{
        const struct activity_parts activity = {
                .event = daemon->parts.event,
                .state = daemon->parts.state,
                .on_renewed = on_renewed,
                .on_end = on_activity_end,
                .userdata = daemon,
        };
        struct store *store = state_store(daemon->parts.state);

        if (!store_is_shared(store))
                return 0;
        int r = activity_new(&activity, &daemon->parts.activity);
        if (r >= 0)
                r = store_get_active_host(store, &daemon->host);
        if (r < 0) {
                log_lost(daemon, store_error(store));
                daemon->stands_by = true;
        }
        return r;
}

static enum exit_status build(struct daemon *daemon, struct store *store)
{
        struct parts *parts = &daemon->parts;

        int r = signals_new_loop(&parts->event, on_stop_signal, on_reload_signal, daemon);
        if (r >= 0)
                r = state_use(parts->event, store, &parts->state);
        if (r < 0) {
                store_close(store);
                return fail_with(daemon, "set up the event loop", r);
        }
        state_measure(parts->state);
        r = journal_start(parts->journal, parts->event);
        if (r < 0)
                return fail_with(daemon, "start the log sender", r);
        enum exit_status status = parts_build(parts);
        if (start_activity(daemon) < 0)
                return EXIT_STATUS_STATE;
        return status;
}

static enum exit_status build_and_run(struct daemon *daemon, struct store *store)
{
        enum exit_status status = build(daemon, store);

        if (status != EXIT_STATUS_SUCCESS)
                return status;
        daemon->reload = reload_new(&daemon->parts, on_reload_end, daemon);
        add_timers(daemon);
        log_start(daemon);
        (void)recorder_replay(daemon->parts.recorder);
        monitor_start(daemon->parts.monitor);
        publish_config(daemon);
        int r = state_start(daemon->parts.state); /* from now on the loop waits for nothing but events */
        if (r < 0)
                return fail_with(daemon, "start the state writer", r);
        state_on_slow(daemon->parts.state, on_state_slow, daemon);
        r = parts_run(&daemon->parts);
        return r >= 0 ? (enum exit_status)r : fail_with(daemon, "run the event loop", r);
}

/*
 * The run of an active host. The store is taken over. A reload replaces *config. Returns the exit status of
 * the process, unless it stands by next.
 */
static enum exit_status run_active(const struct daemon_options *options, struct config **config,
                                   struct journal *journal, struct store *store, uint64_t timeout_at_us,
                                   bool *ret_stands_by, bool *ret_hands_over)
{
        struct daemon daemon = {
                .parts = {
                        .options = options,
                        .config = STEAL_POINTER(*config), /* a reload frees it */
                        .journal = journal,
                        .on_idle = on_idle,
                        .on_jobs_changed = on_jobs_changed,
                        .describe = describe_facts,
                        .hand_over = hand_over,
                        .userdata = &daemon,
                },
                .timeout_at_us = timeout_at_us,
                .ending.parts = &daemon.parts,
        };

        enum exit_status status = build_and_run(&daemon, store);
        if (!daemon.stands_by)
                (void)sd_notifyf(false, "STATUS=%s", daemon.last_status != NULL ? daemon.last_status : "");
        free(daemon.last_status);
        bool is_sent = ending_finish(&daemon.ending);
        metrics_file_free(daemon.parts.metrics_file);

        /* Operations of the state end while the parts that have queued them exist. */
        reload_stop(daemon.reload);
        outbox_abort(daemon.parts.outbox);
        state_close(daemon.parts.state);

        sd_event_source_disable_unref(daemon.timeout);
        sd_event_source_disable_unref(daemon.summary);
        status_line_free(daemon.status);
        reload_free(daemon.reload);
        *config = config_ref(daemon.parts.config);
        parts_free(&daemon.parts);
        *ret_stands_by = daemon.stands_by && is_sent;
        *ret_hands_over = daemon.hands_over;
        return status;
}

static enum exit_status run_until_exit(const struct daemon_options *options, struct config **config,
                                       struct journal *journal)
{
        const uint64_t timeout_at_us = options->timeout_us > 0 ? clock_boot_us() + options->timeout_us : 0;
        struct store *store = NULL;
        bool stands_by = false, hands_over = false;
        enum exit_status status;

        while ((status = opening_open(options, *config, journal, &store, &stands_by)) ==
               EXIT_STATUS_SUCCESS) {
                if (stands_by) {
                        status = standby_run(options, config, journal, store, timeout_at_us, hands_over,
                                             &store);
                        if (store == NULL)
                                return status;
                }
                status = run_active(options, config, journal, store, timeout_at_us, &stands_by, &hands_over);
                if (!stands_by)
                        return status;
        }
        return status;
}

enum exit_status daemon_run(const struct daemon_options *options, struct config *config,
                            struct journal *journal)
{
        enum exit_status status = run_until_exit(options, &config, journal);

        config_free(config);
        return status;
}
