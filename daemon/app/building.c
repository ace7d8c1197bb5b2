/* SPDX-License-Identifier: MIT */

/* Builds the parts of an active daemon, each after those that it uses, and connects them. */

#include "app/building.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "app/control.h"
#include "app/heap_trim.h"
#include "app/metrics_file.h"
#include "platform/clock.h"
#include "util/cleanup.h"
#include "util/text.h"
#include "util/timespan.h"

/* How long the name on the bus is waited for at the start. */
#define BUS_WAIT_US (1 * USEC_PER_SEC)

DEFINE_CLEANUP(char, secret_free)
DEFINE_CLEANUP(struct outbox_load, outbox_load_free)

/* ---- the connection to the API ---- */

static void on_spend(void *userdata)
{
        struct parts *parts = userdata;

        monitor_spend(parts->monitor);
}

static void on_sign_in_response(void *userdata, enum failure failure, uint64_t duration_us)
{
        struct parts *parts = userdata;

        monitor_count_sign_in(parts->monitor, failure, duration_us);
}

static void on_sign_in(void *userdata, const struct token_result *answer)
{
        struct parts *parts = userdata;

        monitor_take_sign_in(parts->monitor, answer);
}

static enum exit_status open_connection(struct parts *parts)
{
        CLEANUP(cleanup_secret_free) char *tokens = session_load(state_store(parts->state), parts->config);

        parts->api = (struct api_connection_parts){
                .event = parts->event,
                .state = parts->state,
                .journal = parts->journal,
                .on_spend = on_spend,
                .on_sign_in_response = on_sign_in_response,
                .on_sign_in = on_sign_in,
                .userdata = parts,
        };
        struct api_connection_parts connection = parts->api;
        connection.config = parts->config;
        connection.tokens = tokens;
        return api_connection_open(&connection, &parts->connection);
}

/* ---- the others ---- */

static bool may_act(void *userdata)
{
        const struct parts *parts = userdata;

        return activity_is_proven(parts->activity);
}

static void on_idle(void *userdata)
{
        const struct parts *parts = userdata;

        parts->on_idle(parts->userdata);
}

/* -EINVAL: a file of a hook cannot be used, which was logged. */
static int build_outbox(struct parts *parts)
{
        CLEANUP(cleanup_outbox_load_free) struct outbox_load *load = NULL;

        int r = outbox_load(state_store(parts->state), parts->config, &load);
        if (r < 0)
                return r;

        const struct outbox_parts outbox = {
                .event = parts->event,
                .state = parts->state,
                .journal = parts->journal,
                .bus = parts->bus,
                .config = parts->config,
                .once = parts->options->once,
                .may_start = may_act,
                .on_idle = on_idle,
                .userdata = parts,
        };
        return outbox_new(&outbox, load, &parts->outbox);
}

static bool reread_token(void *userdata)
{
        struct parts *parts = userdata;

        if (api_connection_reread_token(&parts->connection, parts->config) <= 0)
                return false;
        journal_print(parts->journal, LOG_NOTICE, "The API token has been replaced. Using the new one.");
        return true;
}

static int build_monitor(struct parts *parts)
{
        parts->recorder =
                recorder_new(parts->event, parts->state, parts->outbox, parts->journal, parts->config);

        const struct monitor_parts monitor = {
                .event = parts->event,
                .nexudus = parts->connection.nexudus,
                .session = parts->connection.session,
                .state = parts->state,
                .recorder = parts->recorder,
                .journal = parts->journal,
                .config = parts->config,
                .once = parts->options->once,
                .report = parts->options->once,
                .on_idle = on_idle,
                .may_send = may_act,
                .reread_token = reread_token,
                .userdata = parts,
        };
        return monitor_new(&monitor, &parts->monitor);
}

/*
 * What shows how the service is. Services have a D-Bus API; by hand it is there if a name is given, which is
 * not that of the service.
 */
static void build_observers(struct parts *parts)
{
        if (parts->options->once)
                return;
        parts->metrics_file = metrics_file_new(parts);
        if (parts->options->instance != NULL || getenv("NOTIFY_SOCKET") != NULL)
                parts->control = control_new(parts);
}

/* ---- all ---- */

enum exit_status parts_build(struct parts *parts)
{
        enum exit_status status = open_connection(parts);

        if (status != EXIT_STATUS_SUCCESS)
                return status;
        parts->bus = bus_connection_new(parts->event);
        int r = build_outbox(parts);
        if (r == -EINVAL)
                return EXIT_STATUS_CONFIG;
        if (r >= 0)
                r = build_monitor(parts);
        if (r < 0) {
                journal_print(parts->journal, LOG_ERR, "Cannot start watching: %s. Exiting.", strerror(-r));
                return EXIT_STATUS_SOFTWARE;
        }
        build_observers(parts);
        if (!parts->options->once)
                parts->heap_trim = heap_trim_new(parts);
        return EXIT_STATUS_SUCCESS;
}

void parts_build_standby(struct parts *parts)
{
        parts->bus = bus_connection_new(parts->event);
        build_observers(parts);
}

/* ---- the run ---- */

/*
 * What is started after this service may call it, so clients are served when it is ready; not if the bus
 * takes its time.
 */
static int run_until_settled(struct parts *parts)
{
        const uint64_t end_us = clock_process_us() + BUS_WAIT_US;

        while (parts->control != NULL && !control_is_settled(parts->control)) {
                uint64_t now_us = clock_process_us();
                if (now_us >= end_us || sd_event_get_state(parts->event) == SD_EVENT_FINISHED)
                        break;
                int r = sd_event_run(parts->event, end_us - now_us);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The loop has ended already if it was asked to end before READY. */
int parts_run(struct parts *parts)
{
        int code = 0;

        int r = run_until_settled(parts);
        if (r < 0)
                return r;
        if (sd_event_get_state(parts->event) != SD_EVENT_FINISHED) {
                (void)sd_notify(false, "READY=1");
                return sd_event_loop(parts->event);
        }
        r = sd_event_get_exit_code(parts->event, &code);
        return r < 0 ? r : code;
}

void parts_free(struct parts *parts)
{
        /* In reverse order, the loop last: each part releases its event sources. */
        heap_trim_free(parts->heap_trim);
        monitor_free(parts->monitor);
        recorder_free(parts->recorder);
        outbox_free(parts->outbox);
        control_free(parts->control); /* its calls ended with the parts that they waited for */
        activity_free(parts->activity);
        bus_connection_free(parts->bus);
        api_connection_close(&parts->connection);
        sd_event_unref(parts->event);
        config_free(parts->config);
}
