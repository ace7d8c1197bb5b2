/* SPDX-License-Identifier: MIT */

/* Builds the parts of the daemon, each after those that it uses, and connects them. */

#include "app/parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/check.h"
#include "app/exit_status.h"
#include "journal/message_ids.h"
#include "util/cleanup.h"
#include "util/text.h"

DEFINE_CLEANUP(char, secret_free)
DEFINE_CLEANUP(struct outbox_load, outbox_load_free)

/* Reads the password of the database, if there is one. */
static int read_password(const struct config *config, char **ret_password, char **ret_message)
{
        const struct credential credential = state_credential(config);

        return credential.source[0] != '\0' ? credential_read(&credential, ret_password, ret_message) : 0;
}

static enum exit_status open_state(struct parts *parts)
{
        const struct config *config = parts->config;
        CLEANUP(cleanup_free) char *message = NULL;
        CLEANUP(cleanup_secret_free) char *password = NULL;
        bool has_database = config->state_database[0] != '\0';

        int r = has_database ? read_password(config, &password, &message) : 0;
        if (r < 0) {
                journal_print_about(parts->journal, LOG_ERR, MESSAGE_ID_MISSING_CREDENTIAL, 0, NULL, "%s.",
                                    message);
                return EXIT_STATUS_CONFIG;
        }
        free(message); /* a warning, which has been logged */
        message = NULL;
        const struct store_database database = {
                .uri = config->state_database,
                .password = password,
                .instance = parts->options->instance,
        };
        r = state_open(parts->event, config_state_directory(config), has_database ? &database : NULL,
                       &message, &parts->state);
        if (r >= 0)
                return EXIT_STATUS_SUCCESS;
        journal_print(parts->journal, LOG_ERR, "%s", message != NULL ? message : strerror(-r));
        return EXIT_STATUS_STATE;
}

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

/* -EINVAL: a file of a hook cannot be used, which was logged. */
static int build_outbox(struct parts *parts)
{
        CLEANUP(cleanup_outbox_load_free) struct outbox_load *load = NULL;

        int r = bus_connection_new(parts->event, &parts->bus);
        if (r >= 0)
                r = outbox_load(state_store(parts->state), parts->config, &load);
        if (r < 0)
                return r;

        const struct outbox_parts outbox = {
                .event = parts->event,
                .state = parts->state,
                .journal = parts->journal,
                .bus = parts->bus,
                .config = parts->config,
                .once = parts->options->once,
                .on_idle = parts->on_idle,
                .userdata = parts->userdata,
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

static void on_nothing_left(void *userdata)
{
        const struct parts *parts = userdata;

        parts->on_idle(parts->userdata);
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
                .on_idle = on_nothing_left,
                .reread_token = reread_token,
                .userdata = parts,
        };
        return monitor_new(&monitor, &parts->monitor);
}

/*
 * Both show how the service is. Services have a D-Bus API; by hand it is there if a name is given, which is
 * not that of the service.
 */
static int build_observers(struct parts *parts)
{
        const struct control_parts control = {
                .event = parts->event,
                .bus = parts->bus,
                .state = parts->state,
                .journal = parts->journal,
                .monitor = parts->monitor,
                .recorder = parts->recorder,
                .outbox = parts->outbox,
                .config = &parts->config,
                .instance = parts->options->instance,
                .describe = parts->describe,
                .on_jobs_changed = parts->on_jobs_changed,
                .userdata = parts->userdata,
        };

        if (parts->options->once)
                return 0;
        parts->metrics_file = metrics_file_new(&control);
        if (control.instance == NULL && getenv("NOTIFY_SOCKET") == NULL)
                return 0;
        return control_new(&control, &parts->control);
}

/* ---- all ---- */

enum exit_status parts_build(struct parts *parts)
{
        enum exit_status status = open_state(parts);

        if (status == EXIT_STATUS_SUCCESS)
                status = open_connection(parts);
        if (status != EXIT_STATUS_SUCCESS)
                return status;
        int r = build_outbox(parts);
        if (r == -EINVAL)
                return EXIT_STATUS_CONFIG;
        if (r >= 0)
                r = build_monitor(parts);
        if (r >= 0) {
                r = build_observers(parts);
        }
        if (r >= 0)
                return EXIT_STATUS_SUCCESS;
        journal_print(parts->journal, LOG_ERR, "Cannot start watching: %s. Exiting.", strerror(-r));
        return EXIT_STATUS_SOFTWARE;
}

void parts_free(struct parts *parts)
{
        /* In reverse order, the loop last: each part releases its event sources. */
        monitor_free(parts->monitor);
        recorder_free(parts->recorder);
        outbox_free(parts->outbox);
        control_free(parts->control); /* its calls ended with the parts that they waited for */
        bus_connection_free(parts->bus);
        api_connection_close(&parts->connection);
        sd_event_unref(parts->event);
        config_free(parts->config);
}
