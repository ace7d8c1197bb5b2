/* SPDX-License-Identifier: MIT */

/*
 * Runs the event loop of all parts, and decides when the process ends: on SIGTERM or SIGINT, when all jobs
 * have ended, after the one round of --once, or when
 * --timeout expires.
 */

#include "app/daemon.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "app/ending.h"
#include "app/reload.h"
#include "app/status_line.h"
#include "app/status_text.h"
#include "app/summary.h"
#include "journal/message_ids.h"
#include "monitor/last_run.h"
#include "platform/clock.h"
#include "util/message.h"
#include "util/timer.h"
#include "util/timespan.h"

/* How often the journal gets a summary. */
#define SUMMARY_INTERVAL_US (1 * USEC_PER_DAY)

/* How long the name on the bus is waited for at the start. */
#define BUS_WAIT_US (1 * USEC_PER_SEC)

struct daemon {
        struct parts parts;
        struct reload *reload;
        sd_event_source *timeout;
        sd_event_source *summary;
        struct status_line *status;
        struct ending ending; /* until it begins, every part exists and runs, whatever the state */
        bool idle_reported;   /* that all jobs have ended */
        bool reload_failed;   /* the last reload did */
        bool state_slow;      /* writing to it makes no progress */
        char *last_status;    /* STATUS= after the end; NULL: none */
};

/* ---- signals ---- */

void signals_block(void)
{
        sigset_t signals;

        (void)sigemptyset(&signals);
        (void)sigaddset(&signals, SIGTERM);
        (void)sigaddset(&signals, SIGINT);
        (void)sigaddset(&signals, SIGHUP);
        (void)sigaddset(&signals, SIGCHLD);
        (void)sigprocmask(SIG_BLOCK, &signals, NULL);
        (void)signal(SIGPIPE, SIG_IGN);
}

static int add_signal(struct daemon *daemon, int number, int64_t priority, sd_event_signal_handler_t handler)
{
        sd_event_source *source = NULL;

        int r = sd_event_add_signal(daemon->parts.event, &source, number, handler, daemon);
        if (r >= 0)
                r = sd_event_source_set_priority(source, priority);
        if (r >= 0)
                r = sd_event_source_set_floating(source, true);
        sd_event_source_unref(source);
        return r;
}

/* ---- exit ---- */

/* Nothing new is started from now on; running hooks are asked to end. */
static void end(struct daemon *daemon, enum exit_status status, bool wait_for_hooks)
{
        daemon->timeout = sd_event_source_disable_unref(daemon->timeout);
        daemon->summary = sd_event_source_disable_unref(daemon->summary);
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

        if (ending_has_begun(&daemon->ending))
                return 0;
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

static void on_reload_end(void *userdata, bool succeeded)
{
        struct daemon *daemon = userdata;

        daemon->reload_failed = !succeeded;
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

static int build_loop(struct daemon *daemon)
{
        int r;

        r = sd_event_new(&daemon->parts.event);
        if (r < 0)
                return r;
        /* A stop goes before all other sources, so that nothing new is started once it was asked for. */
        r = add_signal(daemon, SIGTERM, SD_EVENT_PRIORITY_IMPORTANT, on_stop_signal);
        if (r >= 0)
                r = add_signal(daemon, SIGINT, SD_EVENT_PRIORITY_IMPORTANT, on_stop_signal);
        if (r >= 0)
                r = add_signal(daemon, SIGHUP, SD_EVENT_PRIORITY_NORMAL, on_reload_signal);
        if (r < 0)
                return r;
        return sd_event_set_watchdog(daemon->parts.event, true);
}

static int add_timers(struct daemon *daemon)
{
        if (daemon->parts.options->timeout_us > 0) {
                daemon->timeout =
                        timer_new(daemon->parts.event, CLOCK_BOOTTIME, USEC_PER_MSEC, on_timeout, daemon);
                timer_start(daemon->timeout, daemon->parts.options->timeout_us);
        }
        daemon->summary = timer_new(daemon->parts.event, CLOCK_BOOTTIME, USEC_PER_MIN, on_summary, daemon);
        timer_start(daemon->summary, SUMMARY_INTERVAL_US);
        return status_line_new(daemon->parts.event, describe_status, daemon, &daemon->status);
}

/* ---- the run ---- */

static void log_start(struct daemon *daemon)
{
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

/* From now on the loop waits for nothing but events. */
static int start_writer(struct daemon *daemon)
{
        int r = state_start(daemon->parts.state);

        if (r < 0)
                return r;
        state_on_slow(daemon->parts.state, on_state_slow, daemon);
        daemon->ending.event = daemon->parts.event;
        daemon->ending.state = daemon->parts.state;
        daemon->ending.outbox = daemon->parts.outbox;
        daemon->ending.bus = daemon->parts.bus;
        return 0;
}

/*
 * What is started after this service may call it, so clients are served when it is ready; not if the bus
 * takes its time.
 */
static int run_until_settled(struct daemon *daemon)
{
        const uint64_t end_us = clock_process_us() + BUS_WAIT_US;

        while (daemon->parts.control != NULL && !control_is_settled(daemon->parts.control)) {
                uint64_t now_us = clock_process_us();
                if (now_us >= end_us || sd_event_get_state(daemon->parts.event) == SD_EVENT_FINISHED)
                        break;
                int r = sd_event_run(daemon->parts.event, end_us - now_us);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Returns the exit status. The loop has ended already if it was asked to end before READY. */
static int run(struct daemon *daemon)
{
        int status = EXIT_STATUS_SOFTWARE;

        if (sd_event_get_state(daemon->parts.event) != SD_EVENT_FINISHED) {
                (void)sd_notify(false, "READY=1");
                return sd_event_loop(daemon->parts.event);
        }
        int r = sd_event_get_exit_code(daemon->parts.event, &status);
        return r < 0 ? r : status;
}

static enum exit_status build_and_run(struct daemon *daemon)
{
        int r = build_loop(daemon);

        if (r < 0)
                return fail_with(daemon, "set up the event loop", r);
        r = journal_start(daemon->parts.journal, daemon->parts.event);
        if (r < 0)
                return fail_with(daemon, "start the log sender", r);
        enum exit_status status = parts_build(&daemon->parts);
        if (status != EXIT_STATUS_SUCCESS)
                return status;
        daemon->reload = reload_new(&daemon->parts, on_reload_end, daemon);
        r = add_timers(daemon);
        if (r < 0)
                return fail_with(daemon, "start watching", r);

        log_start(daemon);
        (void)recorder_replay(daemon->parts.recorder);
        monitor_start(daemon->parts.monitor);
        r = start_writer(daemon);
        if (r < 0)
                return fail_with(daemon, "start the state writer", r);
        r = run_until_settled(daemon);
        if (r >= 0)
                r = run(daemon);
        return r >= 0 ? (enum exit_status)r : fail_with(daemon, "run the event loop", r);
}

enum exit_status daemon_run(const struct daemon_options *options, struct config *config,
                            struct journal *journal)
{
        struct daemon daemon = {
                .parts = {
                        .options = options,
                        .config = config_ref(config),
                        .journal = journal,
                        .on_idle = on_idle,
                        .on_jobs_changed = on_jobs_changed,
                        .describe = describe_facts,
                        .userdata = &daemon,
                },
                .ending.journal = journal,
        };

        enum exit_status status = build_and_run(&daemon);
        (void)sd_notifyf(false, "STATUS=%s", daemon.last_status != NULL ? daemon.last_status : "");
        free(daemon.last_status);
        ending_finish(&daemon.ending);
        metrics_file_free(daemon.parts.metrics_file);

        /* Operations of the state end while the parts that have queued them exist. */
        reload_stop(daemon.reload);
        outbox_abort(daemon.parts.outbox);
        state_close(daemon.parts.state);

        sd_event_source_disable_unref(daemon.timeout);
        sd_event_source_disable_unref(daemon.summary);
        status_line_free(daemon.status);
        reload_free(daemon.reload);
        parts_free(&daemon.parts);
        return status;
}
