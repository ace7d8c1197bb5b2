/* SPDX-License-Identifier: MIT */

/*
 * A reload in three steps: load and validate the new configuration, open a new API connection if [api] has
 * changed, hand the configuration to each part. If a step fails, nothing has changed, unless memory ran out
 * when the outbox had the new configuration already, which it then keeps.
 */

#include "app/reload.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "app/check.h"
#include "app/config_changes.h"
#include "app/summary.h"
#include "config/config_load.h"
#include "journal/message_ids.h"
#include "platform/credential.h"
#include "util/cleanup.h"
#include "util/timespan.h"

DEFINE_CLEANUP(struct config, config_free)

/* systemd(1) matches the time with its own request, so both are sent in one message. */
static void notify_reloading(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        (void)sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
                         (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000);
}

/* If a credential has an error, a reload cannot help. */
static void log_restart_needed(const struct reload *reload, const struct config_problems *problems)
{
        CLEANUP(cleanup_free) char *unit = credential_unit(reload->path);
        bool is_needed = false;

        for (size_t i = 0; i < problems->count; i++)
                is_needed |= problems->items[i].needs_restart;
        if (is_needed && unit != NULL)
                journal_print(
                        reload->journal, LOG_ERR,
                        "systemd passes credentials only when the service starts. After adding or correcting "
                        "one, run \"systemctl restart %s\".",
                        unit);
}

/* Loads the configuration and logs its errors and warnings. Returns NULL with the number of errors. */
static struct config *load_config(const struct reload *reload, const struct config *old, size_t *ret_errors)
{
        CLEANUP(cleanup_config_free) struct config *config = NULL;
        struct config_problems problems = { .items = NULL };

        int r = config_load(reload->path, reload->overrides, &problems, &config);
        if (r >= 0)
                r = check_environment(config, CHECK_USE, &problems);
        problems_log(reload->journal, &problems);
        log_restart_needed(reload, &problems);
        *ret_errors = problems.errors;
        config_problems_clear(&problems);
        if (r < 0 || *ret_errors > 0)
                return NULL;

        if (strcmp(config_state_directory(config), config_state_directory(old)) != 0) {
                journal_print(reload->journal, LOG_ERR,
                              "Cannot change the state directory from %s to %s while running; restart the "
                              "service.",
                              config_state_directory(old), config_state_directory(config));
                *ret_errors = 1;
                return NULL;
        }
        return STEAL_POINTER(config);
}

/* `connection` is the new API connection, empty if the present one stays. It is taken over and left empty. */
static int apply_config(const struct reload *reload, struct config *config, const struct config *old,
                        struct api_connection *connection)
{
        int r = monitor_prepare(reload->monitor, config);
        if (r < 0)
                return r;
        r = outbox_reload(reload->outbox, config); /* -EINVAL: logged */
        if (r >= 0)
                r = recorder_reload(reload->recorder, config);
        if (r < 0) {
                monitor_keep(reload->monitor);
                return r;
        }
        monitor_reload(reload->monitor);

        if (connection->client != NULL) {
                bool elsewhere = strcmp(config->api.base_url, old->api.base_url) != 0;

                monitor_set_api(reload->monitor, connection->nexudus, connection->session, elsewhere);
                api_connection_close(reload->connection);
                *reload->connection = *connection;
                *connection = API_CONNECTION_NULL;
        }
        journal_set(reload->journal, &config->log);
        return 0;
}

/* Returns 0 and what was changed, or a negative errno; *ret_errors is the number of errors that were logged.
 */
static int replace_config(const struct reload *reload, struct config **config, char **ret_changes,
                          size_t *ret_errors)
{
        CLEANUP(cleanup_config_free) struct config *new = load_config(reload, *config, ret_errors);
        struct api_connection connection = API_CONNECTION_NULL;

        if (new == NULL)
                return *ret_errors > 0 ? -EINVAL : -ENOMEM;

        struct api_connection_parts parts = reload->api;
        parts.config = new;
        int r = api_connection_renew(reload->connection, &parts, &(*config)->api);
        if (r < 0 || (r > 0 && api_connection_open(&parts, &connection) != EXIT_STATUS_SUCCESS)) {
                *ret_errors = 1;
                return -EINVAL;
        }

        r = apply_config(reload, new, *config, &connection);
        api_connection_close(&connection);
        if (r == -EINVAL)
                *ret_errors = 1;
        if (r < 0)
                return r;
        *ret_changes = config_changes_text(*config, new);
        config_free(*config);
        *config = STEAL_POINTER(new);
        return 0;
}

bool reload_config(const struct reload *reload, struct config **config)
{
        CLEANUP(cleanup_free) char *changes = NULL;
        size_t errors = 0;

        assert(*config != NULL);
        notify_reloading();
        int r = replace_config(reload, config, &changes, &errors);
        if (r >= 0) {
                const struct monitor_counts counts = monitor_count(reload->monitor);

                summary_log_reload(reload->journal, *config, &counts, changes != NULL ? changes : "jobs");
        } else if (errors > 0) {
                refusal_log(reload->journal, errors, true);
        } else {
                journal_print_about(reload->journal, LOG_ERR, MESSAGE_ID_RELOAD_REFUSED, 0, NULL,
                                    "Configuration not reloaded: %s. Keeping the previous configuration.",
                                    strerror(-r));
        }
        (void)sd_notify(false, "READY=1");
        return r >= 0;
}
