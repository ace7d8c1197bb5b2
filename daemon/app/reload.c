/* SPDX-License-Identifier: MIT */

/*
 *      request: the new configuration is loaded and checked
 *         └──> operation: what is recorded of new jobs is read from the state
 *                 └──> apply: a new API connection if [api] has changed, and all parts get the configuration
 *
 * The daemon goes on meanwhile. If a step fails, nothing has changed.
 */

#include "app/reload.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "app/check.h"
#include "app/heap_trim.h"
#include "app/summary.h"
#include "config/config.h"
#include "journal/message_ids.h"
#include "platform/credential.h"
#include "util/cleanup.h"
#include "util/container.h"
#include "util/memory.h"
#include "util/text.h"
#include "util/timespan.h"

/* A configuration that was checked and is being completed from the state. */
struct loading {
        struct state_operation operation;
        struct reload *reload;
        struct config *config;
        char *tokens; /* of the account of [api] */
        struct outbox_load *deliveries;
};

struct reload {
        struct parts *parts;
        void (*on_end)(void *userdata, bool succeeded);
        void *userdata;
        struct loading *loading; /* NULL: no reload is in progress */
        bool again;              /* another was requested meanwhile */
        bool stopped;
};

DEFINE_CLEANUP(struct config, config_free)

static struct loading *loading_free(struct loading *loading)
{
        if (loading == NULL)
                return NULL;
        config_free(loading->config);
        secret_free(loading->tokens);
        outbox_load_free(loading->deliveries);
        free(loading);
        return NULL;
}

/* ---- loading and checking ---- */

/* systemd(1) matches the time with its own request, so both are sent in one message. */
static void notify_reloading(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        (void)sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
                         (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000);
}

/* If a credential has an error, a reload cannot help. */
static void log_restart_needed(const struct parts *parts, const struct config_problems *problems)
{
        CLEANUP(cleanup_free) char *unit = credential_unit(parts->options->path);
        bool is_needed = false;

        for (size_t i = 0; i < problems->count; i++)
                is_needed |= problems->items[i].needs_restart;
        if (is_needed && unit != NULL)
                journal_print(
                        parts->journal, LOG_ERR,
                        "systemd passes credentials only when the service starts. After adding or correcting "
                        "one, run \"systemctl restart %s\".",
                        unit);
}

/* Loads the configuration and logs its errors and warnings. Returns NULL with the number of errors. */
static struct config *load_config(const struct parts *parts, size_t *ret_errors)
{
        CLEANUP(cleanup_config_free) struct config *config = NULL;
        struct config_problems problems = { .items = NULL };
        const struct config *old = parts->config;

        int r = config_load(parts->options->path, parts->options->overrides, &problems, &config);
        if (r >= 0)
                check_environment(config, CHECK_USE, &problems);
        problems_log(parts->journal, &problems);
        log_restart_needed(parts, &problems);
        *ret_errors = problems.errors;
        config_problems_clear(&problems);
        if (r < 0 || *ret_errors > 0)
                return NULL;

        bool same_directory = strcmp(config_state_directory(config), config_state_directory(old)) == 0;
        if (!same_directory || strcmp(config_state_place(config), config_state_place(old)) != 0) {
                journal_print(parts->journal, LOG_ERR,
                              "Cannot change the state%s from %s to %s while running; restart the service.",
                              same_directory ? "" : " directory",
                              same_directory ? config_state_place(old) : config_state_directory(old),
                              same_directory ? config_state_place(config) : config_state_directory(config));
                *ret_errors = 1;
                return NULL;
        }
        return STEAL_POINTER(config);
}

/* ---- the end ---- */

static void end_reload(struct reload *reload, bool succeeded)
{
        reload->loading = loading_free(reload->loading);
        heap_trim_request(reload->parts->heap_trim);
        reload->on_end(reload->userdata, succeeded);
        (void)sd_notify(false, "READY=1");
}

/* `errors` were logged; without any, `cause` is the reason. */
static void refuse(struct reload *reload, size_t errors, const char *cause)
{
        if (errors > 0)
                refusal_log(reload->parts->journal, errors, true);
        else
                journal_print_about(reload->parts->journal, LOG_ERR, MESSAGE_ID_RELOAD_REFUSED, 0, NULL,
                                    "Configuration not reloaded: %s. Keeping the previous configuration.",
                                    cause);
        end_reload(reload, false);
}

/* ---- applying ---- */

/* `connection` is the new API connection, empty if the present one stays. It is taken over and left empty. */
static int apply_config(struct parts *parts, struct config *config, const struct outbox_load *deliveries,
                        struct api_connection *connection)
{
        const struct config *old = parts->config;

        int r = outbox_reload(parts->outbox, config, deliveries); /* -EINVAL: logged */
        if (r < 0)
                return r;
        recorder_reload(parts->recorder, config);
        monitor_reload(parts->monitor);

        if (connection->client != NULL) {
                bool elsewhere = strcmp(config->api.base_url, old->api.base_url) != 0;

                monitor_set_api(parts->monitor, connection->nexudus, connection->session, elsewhere);
                api_connection_close(&parts->connection);
                parts->connection = *connection;
                *connection = API_CONNECTION_NULL;
        }
        journal_set(parts->journal, &config->log);
        return 0;
}

/* Returns 0, -EINVAL if the reason was logged, or another negative errno. The monitor was prepared. */
static int replace_config(struct parts *parts, const struct loading *loading)
{
        struct api_connection connection = API_CONNECTION_NULL;
        struct api_connection_parts api = parts->api;
        struct config *new = loading->config;

        api.config = new;
        api.tokens = loading->tokens;
        int r = api_connection_renew(&parts->connection, &api, &parts->config->api);
        if (r < 0 || (r > 0 && api_connection_open(&api, &connection) != EXIT_STATUS_SUCCESS))
                r = -EINVAL;
        else
                r = apply_config(parts, new, loading->deliveries, &connection);
        api_connection_close(&connection);
        if (r < 0)
                monitor_keep(parts->monitor);
        return r;
}

static void apply(struct reload *reload)
{
        struct parts *parts = reload->parts;
        struct config *old = parts->config;

        int r = replace_config(parts, reload->loading);
        if (r < 0) {
                refuse(reload, r == -EINVAL ? 1 : 0, strerror(-r));
                return;
        }
        parts->config = config_ref(reload->loading->config);
        const struct monitor_counts counts = monitor_count(parts->monitor);
        CLEANUP(cleanup_free) char *changes = config_changes_text(old, parts->config);
        summary_log_reload(parts->journal, parts->config, &counts, changes);
        config_free(old);
        end_reload(reload, true);
}

/* Nothing uses it yet on a host that stands by. */
static void adopt(struct reload *reload, struct config *config)
{
        struct parts *parts = reload->parts;

        journal_set(parts->journal, &config->log);
        config_free(parts->config);
        parts->config = config;
        journal_print_about(parts->journal, LOG_INFO, MESSAGE_ID_RELOADED, 0, NULL,
                            "Configuration reloaded. It takes effect when this host becomes active.");
        end_reload(reload, true);
}

/* ---- the operation ---- */

static int loading_run(struct state_operation *operation, struct store *store)
{
        struct loading *loading = CONTAINER_OF(operation, struct loading, operation);

        secret_free(loading->tokens);
        loading->tokens = session_load(store, loading->config);
        loading->deliveries = outbox_load_free(loading->deliveries);
        int r = outbox_load(store, loading->config, &loading->deliveries);
        return r < 0 ? r : monitor_load(loading->reload->parts->monitor, store);
}

static void loading_done(struct state_operation *operation, int r)
{
        struct loading *loading = CONTAINER_OF(operation, struct loading, operation);
        struct reload *reload = loading->reload;

        if (r < 0 || reload->stopped)
                monitor_keep(reload->parts->monitor);
        if (reload->stopped)
                reload->loading = loading_free(loading);
        else if (r < 0)
                refuse(reload, 0, operation->error);
        else
                apply(reload);

        if (reload->again && !reload->stopped) {
                reload->again = false;
                reload_request(reload);
        }
}

/* ---- requests ---- */

void reload_request(struct reload *reload)
{
        struct parts *parts = reload->parts;
        size_t errors = 0;

        if (reload->stopped)
                return;
        if (reload->loading != NULL) {
                reload->again = true;
                return;
        }
        notify_reloading();
        struct config *config = load_config(parts, &errors);
        if (config == NULL) {
                refuse(reload, errors, "");
                return;
        }
        if (parts->monitor == NULL) {
                adopt(reload, config);
                return;
        }
        monitor_prepare(parts->monitor, config);
        struct loading *loading = memory_need(calloc(1, sizeof(*loading)));
        loading->operation = (struct state_operation){
                .run = loading_run,
                .done = loading_done,
                .only_reads = true,
        };
        loading->reload = reload;
        loading->config = config;
        reload->loading = loading;
        state_queue(parts->state, &reload->loading->operation);
}

void reload_stop(struct reload *reload)
{
        if (reload != NULL)
                reload->stopped = true;
}

struct reload *reload_new(struct parts *parts, void (*on_end)(void *userdata, bool succeeded), void *userdata)
{
        struct reload *reload = memory_need(calloc(1, sizeof(*reload)));

        reload->parts = parts;
        reload->on_end = on_end;
        reload->userdata = userdata;
        return reload;
}

struct reload *reload_free(struct reload *reload)
{
        assert(reload == NULL || reload->loading == NULL);
        free(reload);
        return NULL;
}
