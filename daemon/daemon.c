/* SPDX-License-Identifier: MIT */

/*
 * Owns the loop and the parts, builds them in the order in which they need each other, and decides when it is
 * over: a signal, the end of all jobs, the end of the one round, or the end of patience.
 */

#include "daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "api/nexudus.h"
#include "base/cleanup.h"
#include "base/span.h"
#include "base/text.h"
#include "hooks/outbox.h"
#include "host/credential.h"
#include "host/message_ids.h"
#include "net/http.h"
#include "poller.h"
#include "recorder.h"
#include "session.h"
#include "store/store.h"
#include "summary.h"
#include "version.h"

/* Connections to the API; as many as there are requests under way. */
#define API_CONNECTIONS_MAX 8

/* `systemctl status` is read by people: it need not be newer than this. */
#define STATUS_EVERY_US (1 * USEC_PER_SEC)

/* A sign of life for those who read the journal. */
#define SUMMARY_EVERY_US (1 * USEC_PER_DAY)

/* How long hooks that are under way may take to end after SIGTERM. */
#define STOP_PATIENCE_US (1 * USEC_PER_SEC)

struct daemon {
        const struct daemon_options *options;
        const struct config *config;
        struct journal *journal;
        sd_event *event;
        struct store *store;
        struct http_client *api_client;
        struct nexudus *nexudus;
        struct session *session; /* with auth = password */
        struct outbox *outbox;
        struct recorder *recorder;
        struct poller *poller;
        sd_event_source *timeout;
        sd_event_source *status;
        sd_event_source *summary;
        uint64_t status_told_us;
        bool idle_told;
        bool stopping;
};

/* ---- the end ---- */

static enum exit_status status_when_done(const struct poller_counts *counts)
{
        return counts->failed > 0 ? EXIT_STATUS_JOB_FAILED : EXIT_STATUS_SUCCESS;
}

static enum exit_status status_of_round(const struct daemon *daemon, const struct poller_counts *counts)
{
        if (counts->trouble == HEALTH_UNAUTHORIZED)
                return EXIT_STATUS_REFUSED;
        if (counts->trouble != HEALTH_WELL || counts->unanswered > 0)
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
        if (!poller_is_idle(daemon->poller))
                return;

        struct poller_counts counts = poller_count(daemon->poller);
        bool leave = daemon->config->exit_when == EXIT_DONE;

        if (!daemon->idle_told && !daemon->options->once)
                journal_print(daemon->journal, LOG_INFO,
                              "All %zu jobs have ended: %zu succeeded, %zu failed or gone. %s",
                              counts.watched, counts.succeeded, counts.failed,
                              !leave                           ? "Nothing is left to poll."
                              : outbox_is_idle(daemon->outbox) ? "Exiting."
                                                               : "Exiting when the hooks have taken it.");
        daemon->idle_told = true;
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
        daemon->poller = poller_free(daemon->poller);
        outbox_stop(daemon->outbox);
        return sd_event_add_time_relative(daemon->event, NULL, CLOCK_BOOTTIME, STOP_PATIENCE_US,
                                          USEC_PER_MSEC, on_stop_time, daemon);
}

static int on_reload_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        (void)source;
        (void)info;
        struct daemon *daemon = userdata;

        journal_print(daemon->journal, LOG_WARNING,
                      "SIGHUP: this version does not reload its configuration; restart it instead. It goes "
                      "on as it "
                      "was.");
        return 0;
}

static int on_timeout(sd_event_source *source, uint64_t time_us, void *userdata)
{
        (void)time_us;
        struct daemon *daemon = userdata;
        struct poller_counts counts = poller_count(daemon->poller);
        char span[SPAN_TEXT_MAX];

        journal_print(daemon->journal, LOG_WARNING,
                      "--timeout %s ran out with %zu of %zu jobs still open. Exiting.",
                      span_format(daemon->options->timeout_us, span), counts.open, counts.watched);
        return sd_event_exit(sd_event_source_get_event(source), EXIT_STATUS_TIMEOUT);
}

/* ---- what people see of it ---- */

static int on_status(sd_event_source *source, void *userdata)
{
        (void)source;
        struct daemon *daemon = userdata;
        uint64_t now = 0;

        (void)sd_event_now(daemon->event, CLOCK_BOOTTIME, &now);
        if (daemon->stopping || now < daemon->status_told_us + STATUS_EVERY_US)
                return 0;
        daemon->status_told_us = now;

        struct poller_counts counts = poller_count(daemon->poller);
        CLEANUP(cleanup_free) char *status = summary_status(daemon->config, &counts, now);
        if (status != NULL)
                (void)sd_notifyf(false, "STATUS=%s", status);
        return 0;
}

static int on_summary(sd_event_source *source, uint64_t time_us, void *userdata)
{
        struct daemon *daemon = userdata;

        if (!daemon->stopping) {
                struct poller_counts counts = poller_count(daemon->poller);

                summary_tell(daemon->journal, daemon->config, &counts);
        }
        (void)sd_event_source_set_time(source, time_us + SUMMARY_EVERY_US);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void tell_start(struct daemon *daemon)
{
        struct poller_counts counts = poller_count(daemon->poller);

        summary_tell_start(daemon->journal, daemon->config, &counts);
}

/* ---- building ---- */

static enum exit_status open_store(struct daemon *daemon)
{
        CLEANUP(cleanup_free) char *message = NULL;
        const char *directory = config_state_directory(daemon->config);

        int r = store_open(directory, &message, &daemon->store);
        if (r >= 0)
                return EXIT_STATUS_SUCCESS;
        journal_print(daemon->journal, LOG_ERR, "%s", message != NULL ? message : strerror(-r));
        return EXIT_STATUS_STATE;
}

/* Reads one secret and says what is wrong with it. */
static enum exit_status read_secret(struct daemon *daemon, const char *key, const char *source,
                                    char **ret_secret)
{
        CLEANUP(cleanup_free) char *message = NULL;

        int r = credential_read(key, source, ret_secret, &message);
        if (r < 0) {
                journal_print(daemon->journal, LOG_ERR, "%s", message != NULL ? message : strerror(-r));
                return EXIT_STATUS_CONFIG;
        }
        if (message != NULL)
                journal_print(daemon->journal, LOG_WARNING, "%s", message);
        return EXIT_STATUS_SUCCESS;
}

static void cleanup_secret(char **secret)
{
        secret_free(*secret);
}

static void on_session_spend(void *userdata)
{
        struct daemon *daemon = userdata;

        if (daemon->poller != NULL)
                poller_spend(daemon->poller);
}

static void on_session_answer(void *userdata, const struct token_answer *answer)
{
        struct daemon *daemon = userdata;

        if (daemon->poller != NULL)
                poller_take_sign_in(daemon->poller, answer);
}

static int open_session(struct daemon *daemon, const char *password)
{
        const struct session_parts parts = {
                .client = daemon->api_client,
                .nexudus = daemon->nexudus,
                .store = daemon->store,
                .journal = daemon->journal,
                .config = daemon->config,
                .password = password,
                .spend = on_session_spend,
                .on_answer = on_session_answer,
                .userdata = daemon,
        };

        return session_new(&parts, &daemon->session);
}

static enum exit_status open_api(struct daemon *daemon)
{
        const struct api_config *api = &daemon->config->api;
        CLEANUP(cleanup_secret) char *secret = NULL;
        bool by_token = api->auth == AUTH_TOKEN;
        enum exit_status status;
        int r;

        status = by_token ? read_secret(daemon, "token_file", api->token_file, &secret)
                          : read_secret(daemon, "password_file", api->password_file, &secret);
        if (status != EXIT_STATUS_SUCCESS)
                return status;
        if (*api->ca_file != '\0' && access(api->ca_file, R_OK) < 0) {
                journal_print(daemon->journal, LOG_ERR,
                              "Cannot read the certificates in %s (ca_file): %s. Exiting; correct the path, "
                              "or remove "
                              "the line to use those of the system.",
                              api->ca_file, strerror(errno));
                return EXIT_STATUS_CONFIG;
        }

        const struct http_settings http = {
                .user_agent = "jobwatchd/" JOBWATCH_VERSION,
                .ca_file = api->ca_file,
                .timeout_us = api->timeout_us,
                .connect_timeout_us = api->connect_timeout_us,
                .stall_us = api->timeout_us / 2,
                .body_max = api->max_response,
                .connections_max = API_CONNECTIONS_MAX,
        };
        r = http_client_new(daemon->event, &http, &daemon->api_client);
        if (r >= 0) {
                const struct nexudus_settings nexudus = {
                        .base_url = api->base_url,
                        .token = by_token ? secret : NULL,
                        .username = api->auth == AUTH_BASIC ? api->username : NULL,
                        .password = api->auth == AUTH_BASIC ? secret : NULL,
                        .response_max = api->max_response,
                };
                r = nexudus_new(daemon->api_client, &nexudus, &daemon->nexudus);
        }
        if (r >= 0 && api->auth == AUTH_PASSWORD)
                r = open_session(daemon, secret);
        if (r < 0) {
                journal_print(daemon->journal, LOG_ERR,
                              "Cannot set up the connection to the API: %s. Exiting.", strerror(-r));
                return EXIT_STATUS_SOFTWARE;
        }
        return EXIT_STATUS_SUCCESS;
}

static int build_watch(struct daemon *daemon)
{
        const struct outbox_parts outbox = {
                .event = daemon->event,
                .store = daemon->store,
                .journal = daemon->journal,
                .config = daemon->config,
                .once = daemon->options->once,
                .on_idle = on_idle,
                .userdata = daemon,
        };
        int r = outbox_new(&outbox, &daemon->outbox);
        if (r < 0)
                return r;
        r = recorder_new(daemon->store, daemon->outbox, daemon->journal, daemon->config, &daemon->recorder);
        if (r < 0)
                return r;

        const struct poller_parts parts = {
                .event = daemon->event,
                .nexudus = daemon->nexudus,
                .session = daemon->session,
                .store = daemon->store,
                .recorder = daemon->recorder,
                .journal = daemon->journal,
                .config = daemon->config,
                .once = daemon->options->once,
                .report = daemon->options->once,
                .on_idle = on_idle,
                .userdata = daemon,
        };
        return poller_new(&parts, &daemon->poller);
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
        if (getenv("NOTIFY_SOCKET") == NULL)
                return 0;
        return sd_event_add_post(daemon->event, &daemon->status, on_status, daemon);
}

/* ---- the run ---- */

static enum exit_status give_up(struct daemon *daemon, const char *what, int error)
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
                return give_up(daemon, "set up the event loop", r);
        status = open_store(daemon);
        if (status != EXIT_STATUS_SUCCESS)
                return status;
        status = open_api(daemon);
        if (status != EXIT_STATUS_SUCCESS)
                return status;
        r = build_watch(daemon);
        if (r >= 0)
                r = add_clocks(daemon);
        if (r < 0)
                return give_up(daemon, "start watching", r);

        tell_start(daemon);
        (void)recorder_retell(daemon->recorder);
        outbox_wake(daemon->outbox);
        r = poller_start(daemon->poller);
        if (r < 0)
                return give_up(daemon, "start polling", r);
        (void)sd_notify(false, "READY=1");

        r = sd_event_loop(daemon->event);
        return r >= 0 ? (enum exit_status)r : give_up(daemon, "go on with the event loop", r);
}

enum exit_status daemon_run(const struct daemon_options *options, const struct config *config,
                            struct journal *journal)
{
        struct daemon daemon = { .options = options, .config = config, .journal = journal };

        enum exit_status status = build_and_run(&daemon);

        /* In the reverse order, and the loop last: each part takes its event sources along. */
        sd_event_source_disable_unref(daemon.timeout);
        sd_event_source_disable_unref(daemon.status);
        sd_event_source_disable_unref(daemon.summary);
        poller_free(daemon.poller);
        recorder_free(daemon.recorder);
        outbox_free(daemon.outbox);
        session_free(daemon.session);
        nexudus_free(daemon.nexudus);
        http_client_free(daemon.api_client);
        store_close(daemon.store);
        sd_event_unref(daemon.event);
        return status;
}
