/* SPDX-License-Identifier: MIT */

/*
 * Owns the loop and the parts, builds them in the order in which they need each other, and decides when it is
 * over: a signal, the end of all jobs, the end of the one round, or the end of patience.
 */

#include "app/daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "app/api_connection.h"
#include "app/status_line.h"
#include "app/summary.h"
#include "bus/connection.h"
#include "delivery/outbox.h"
#include "journal/message_ids.h"
#include "monitor/monitor.h"
#include "monitor/recorder.h"
#include "state/state.h"
#include "util/cleanup.h"
#include "util/timespan.h"

/* A sign of life for those who read the journal. */
#define SUMMARY_EVERY_US (1 * USEC_PER_DAY)

/* How long hooks that are under way may take to end after SIGTERM. */
#define STOP_PATIENCE_US (1 * USEC_PER_SEC)

struct daemon {
        const struct daemon_options *options;
        struct config *config;
        struct journal *journal;
        sd_event *event;
        struct state *state;
        struct connection connection;
        struct bus_connection *bus;
        struct outbox *outbox;
        struct recorder *recorder;
        struct monitor *monitor;
        sd_event_source *timeout;
        sd_event_source *summary;
        struct status_line *status;
        bool idle_reported;
        bool stopping;
};

/* ---- the end ---- */

static enum exit_status status_when_done(const struct monitor_counts *counts)
{
        return counts->failed > 0 ? EXIT_STATUS_JOB_FAILED : EXIT_STATUS_SUCCESS;
}

static enum exit_status status_of_round(const struct daemon *daemon, const struct monitor_counts *counts)
{
        if (counts->outage == OUTAGE_UNAUTHORIZED)
                return EXIT_STATUS_REFUSED;
        if (counts->outage != OUTAGE_NONE || counts->unanswered > 0)
                return EXIT_STATUS_API;
        return daemon->config->exit_when == EXIT_DONE ? status_when_done(counts) : EXIT_STATUS_SUCCESS;
}

/* Polling is over, or a delivery has ended: is that all? */
static void on_idle(void *userdata)
{
        struct daemon *daemon = userdata;

        if (daemon->stopping) {
                if (outbox_is_idle(daemon->outbox))
                        (void)sd_event_exit(daemon->event, EXIT_STATUS_SUCCESS);
                return;
        }
        if (!monitor_is_idle(daemon->monitor))
                return;

        struct monitor_counts counts = monitor_count(daemon->monitor);
        bool leave = daemon->config->exit_when == EXIT_DONE;

        if (!daemon->idle_reported && !daemon->options->once)
                journal_print(daemon->journal, LOG_INFO,
                              "All %zu jobs have ended: %zu succeeded, %zu failed or gone. %s",
                              counts.watched, counts.succeeded, counts.failed,
                              !leave                           ? "Nothing is left to poll."
                              : outbox_is_idle(daemon->outbox) ? "Exiting."
                                                               : "Exiting when the hooks have taken it.");
        daemon->idle_reported = true;
        if (!outbox_is_idle(daemon->outbox))
                return;
        if (daemon->options->once)
                (void)sd_event_exit(daemon->event, status_of_round(daemon, &counts));
        else if (leave)
                (void)sd_event_exit(daemon->event, status_when_done(&counts));
}

static int on_stop_time(sd_event_source *source, uint64_t time_us, void *userdata)
{
        (void)time_us;
        (void)userdata;
        return sd_event_exit(sd_event_source_get_event(source), EXIT_STATUS_SUCCESS);
}

static int on_stop_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        (void)source;
        struct daemon *daemon = userdata;

        if (daemon->stopping)
                return 0;
        daemon->stopping = true;
        (void)sd_notify(false, "STOPPING=1");
        journal_print(daemon->journal, LOG_INFO, "Stopping on %s; what is known of the jobs is kept.",
                      info->ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");

        /* Hooks get a moment to end by themselves; what they have not done is done after the next start. */
        daemon->monitor = monitor_free(daemon->monitor);
        outbox_stop(daemon->outbox);
        int r = sd_event_add_time_relative(daemon->event, NULL, CLOCK_BOOTTIME, STOP_PATIENCE_US,
                                           USEC_PER_MSEC, on_stop_time, daemon);
        return r < 0 ? sd_event_exit(daemon->event, EXIT_STATUS_SUCCESS) : 0; /* rather at once than never */
}

static int on_timeout(sd_event_source *source, uint64_t time_us, void *userdata)
{
        (void)time_us;
        struct daemon *daemon = userdata;
        struct monitor_counts counts = monitor_count(daemon->monitor);
        char span[TIMESPAN_TEXT_MAX];

        journal_print(daemon->journal, LOG_WARNING,
                      "--timeout %s ran out with %zu of %zu jobs still open. Exiting.",
                      timespan_format(daemon->options->timeout_us, span), counts.open, counts.watched);
        return sd_event_exit(sd_event_source_get_event(source), EXIT_STATUS_TIMEOUT);
}

/* ---- what people see of it ---- */

static char *describe_status(void *userdata, uint64_t now_us, bool *ret_settled)
{
        struct daemon *daemon = userdata;

        if (daemon->stopping)
                return NULL;
        struct monitor_counts counts = monitor_count(daemon->monitor);

        /* What stands there until the next poll is not to be the state in the middle of this one. */
        *ret_settled = counts.open == 0 || counts.next_us != USEC_NEVER;
        return summary_status(daemon->config, &counts, now_us);
}

static int on_summary(sd_event_source *source, uint64_t time_us, void *userdata)
{
        struct daemon *daemon = userdata;

        if (!daemon->stopping) {
                struct monitor_counts counts = monitor_count(daemon->monitor);

                summary_log(daemon->journal, daemon->config, &counts);
        }
        (void)sd_event_source_set_time(source, time_us + SUMMARY_EVERY_US);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void log_start(struct daemon *daemon, const char *what)
{
        struct monitor_counts counts = monitor_count(daemon->monitor);

        summary_log_start(daemon->journal, what, daemon->config, &counts);
}

/* ---- building ---- */

static enum exit_status open_store(struct daemon *daemon)
{
        CLEANUP(cleanup_free) char *message = NULL;
        const char *directory = config_state_directory(daemon->config);

        int r = state_open(directory, &message, &daemon->state);
        if (r >= 0)
                return EXIT_STATUS_SUCCESS;
        journal_print(daemon->journal, LOG_ERR, "%s", message != NULL ? message : strerror(-r));
        return EXIT_STATUS_STATE;
}

static void on_spend(void *userdata)
{
        struct daemon *daemon = userdata;

        if (daemon->monitor != NULL)
                monitor_spend(daemon->monitor);
}

static void on_sign_in(void *userdata, const struct token_result *answer)
{
        struct daemon *daemon = userdata;

        if (daemon->monitor != NULL)
                monitor_take_sign_in(daemon->monitor, answer);
}

static struct api_connection_parts connection_parts_of(struct daemon *daemon, const struct config *config)
{
        return (struct api_connection_parts){
                .event = daemon->event,
                .state = daemon->state,
                .journal = daemon->journal,
                .config = config,
                .on_spend = on_spend,
                .on_sign_in = on_sign_in,
                .userdata = daemon,
        };
}

static int build_watch(struct daemon *daemon)
{
        int r = bus_connection_new(daemon->event, &daemon->bus);
        if (r < 0)
                return r;

        const struct outbox_parts outbox = {
                .event = daemon->event,
                .state = daemon->state,
                .journal = daemon->journal,
                .bus = daemon->bus,
                .config = daemon->config,
                .once = daemon->options->once,
                .on_idle = on_idle,
                .userdata = daemon,
        };
        r = outbox_new(&outbox, &daemon->outbox);
        if (r < 0)
                return r;
        r = recorder_new(daemon->event, daemon->state, daemon->outbox, daemon->journal, daemon->config,
                         &daemon->recorder);
        if (r < 0)
                return r;

        const struct monitor_parts parts = {
                .event = daemon->event,
                .nexudus = daemon->connection.nexudus,
                .session = daemon->connection.session,
                .state = daemon->state,
                .recorder = daemon->recorder,
                .journal = daemon->journal,
                .config = daemon->config,
                .once = daemon->options->once,
                .report = daemon->options->once,
                .on_idle = on_idle,
                .userdata = daemon,
        };
        return monitor_new(&parts, &daemon->monitor);
}

/* ---- reload ---- */

/* A configuration that cannot be taken over is told, and the one in effect stays. */
static struct config *load_config(struct daemon *daemon)
{
        struct config_problems problems = { .items = NULL };
        struct config *config = NULL;

        (void)config_load(daemon->options->path, daemon->options->overrides, &problems, &config);
        for (size_t i = 0; i < problems.count; i++)
                journal_print(daemon->journal, problems.items[i].warning ? LOG_WARNING : LOG_ERR, "%s",
                              problems.items[i].message);
        config_problems_clear(&problems);
        if (config == NULL)
                return NULL;
        if (strcmp(config_state_directory(config), config_state_directory(daemon->config)) != 0) {
                journal_print(daemon->journal, LOG_ERR,
                              "The state directory cannot be changed from %s to %s while running; restart "
                              "the service "
                              "for that.",
                              config_state_directory(daemon->config), config_state_directory(config));
                return config_free(config);
        }
        return config;
}

/*
 * From here on the new configuration is in effect, part by part. Only memory can be lacking: then what has
 * taken it over keeps it, and the rest goes on with the old one, which lives for as long as the loop does.
 */
static int apply_config(struct daemon *daemon, struct config *config, struct connection *connection)
{
        int r = outbox_reload(daemon->outbox, config);
        if (r >= 0)
                r = recorder_reload(daemon->recorder, config);
        if (r >= 0)
                r = monitor_reload(daemon->monitor, config);
        if (r >= 0 && connection->client != NULL) {
                bool elsewhere = strcmp(config->api.base_url, daemon->config->api.base_url) != 0;

                monitor_set_api(daemon->monitor, connection->nexudus, connection->session, elsewhere);
                api_connection_close(&daemon->connection);
                daemon->connection = *connection;
                *connection = (struct connection){ .client = NULL };
        }
        if (r >= 0)
                journal_set(daemon->journal, &config->log);
        return r;
}

static bool reload(struct daemon *daemon)
{
        struct connection connection = { .client = NULL };
        struct config *config = load_config(daemon);

        if (config == NULL)
                return false;
        const struct api_connection_parts parts = connection_parts_of(daemon, config);
        int r = api_connection_renew(&daemon->connection, &parts, &daemon->config->api);
        if (r == 0 || (r > 0 && api_connection_open(&parts, &connection) == EXIT_STATUS_SUCCESS))
                r = apply_config(daemon, config, &connection);
        else
                r = -EINVAL;

        api_connection_close(&connection);
        if (r < 0) {
                config_free(config);
                return false;
        }
        config_free(daemon->config);
        daemon->config = config;
        daemon->idle_reported = false;
        return true;
}

static int on_reload_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        (void)source;
        (void)info;
        struct daemon *daemon = userdata;
        struct timespec now;

        if (daemon->stopping)
                return 0;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        (void)sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
                         (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000);
        if (reload(daemon))
                log_start(daemon, "Reloaded");
        else
                journal_print(
                        daemon->journal, LOG_ERR,
                        "The new configuration is not taken over; the service goes on with the old one.");
        (void)sd_notify(false, "READY=1");
        return 0;
}

void daemon_block_signals(void)
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

static int build_loop(struct daemon *daemon)
{
        int r;

        r = sd_event_new(&daemon->event);
        if (r < 0)
                return r;
        r = sd_event_add_signal(daemon->event, NULL, SIGTERM, on_stop_signal, daemon);
        if (r < 0)
                return r;
        r = sd_event_add_signal(daemon->event, NULL, SIGINT, on_stop_signal, daemon);
        if (r < 0)
                return r;
        r = sd_event_add_signal(daemon->event, NULL, SIGHUP, on_reload_signal, daemon);
        if (r < 0)
                return r;
        return sd_event_set_watchdog(daemon->event, true);
}

static int add_clocks(struct daemon *daemon)
{
        int r;

        if (daemon->options->timeout_us > 0) {
                r = sd_event_add_time_relative(daemon->event, &daemon->timeout, CLOCK_BOOTTIME,
                                               daemon->options->timeout_us, USEC_PER_MSEC, on_timeout,
                                               daemon);
                if (r < 0)
                        return r;
        }
        r = sd_event_add_time_relative(daemon->event, &daemon->summary, CLOCK_BOOTTIME, SUMMARY_EVERY_US,
                                       USEC_PER_MIN, on_summary, daemon);
        if (r < 0)
                return r;
        return status_line_new(daemon->event, describe_status, daemon, &daemon->status);
}

/* ---- the run ---- */

static enum exit_status abandon(struct daemon *daemon, const char *what, int error)
{
        journal_print(daemon->journal, LOG_ERR, "Cannot %s: %s. Exiting.", what, strerror(-error));
        return EXIT_STATUS_SOFTWARE;
}

static enum exit_status build_and_run(struct daemon *daemon)
{
        enum exit_status status;
        int r;

        r = build_loop(daemon);
        if (r < 0)
                return abandon(daemon, "set up the event loop", r);
        status = open_store(daemon);
        if (status != EXIT_STATUS_SUCCESS)
                return status;

        const struct api_connection_parts parts = connection_parts_of(daemon, daemon->config);
        status = api_connection_open(&parts, &daemon->connection);
        if (status != EXIT_STATUS_SUCCESS)
                return status;
        r = build_watch(daemon);
        if (r >= 0)
                r = add_clocks(daemon);
        if (r < 0)
                return abandon(daemon, "start watching", r);

        log_start(daemon, "Started");
        (void)recorder_replay(daemon->recorder);
        outbox_wake(daemon->outbox);
        monitor_start(daemon->monitor);
        (void)sd_notify(false, "READY=1");

        r = sd_event_loop(daemon->event);
        return r >= 0 ? (enum exit_status)r : abandon(daemon, "go on with the event loop", r);
}

enum exit_status daemon_run(const struct daemon_options *options, struct config *config,
                            struct journal *journal)
{
        struct daemon daemon = { .options = options, .config = config_ref(config), .journal = journal };

        enum exit_status status = build_and_run(&daemon);

        /* In the reverse order, and the loop last: each part takes its event sources along. */
        sd_event_source_disable_unref(daemon.timeout);
        sd_event_source_disable_unref(daemon.summary);
        status_line_free(daemon.status);
        monitor_free(daemon.monitor);
        recorder_free(daemon.recorder);
        outbox_free(daemon.outbox);
        bus_connection_free(daemon.bus);
        api_connection_close(&daemon.connection);
        state_close(daemon.state);
        sd_event_unref(daemon.event);
        config_free(daemon.config);
        return status;
}
