/* SPDX-License-Identifier: MIT */

/*
 *      timer ──> operation: who is active; try to take over ──not yet──> timer
 *                  └──active──> the loop ends, and its caller goes on with the store
 *
 * The state writer waits for the server, and the loop for nothing.
 */

#include "app/standby.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "app/building.h"
#include "app/control.h"
#include "app/metrics_file.h"
#include "app/opening.h"
#include "app/reload.h"
#include "app/signals.h"
#include "app/status_line.h"
#include "app/status_text.h"
#include "config/config_digest.h"
#include "journal/message_ids.h"
#include "planning/preference.h"
#include "platform/clock.h"
#include "state/lists.h"
#include "util/cleanup.h"
#include "util/container.h"
#include "util/timer.h"
#include "util/timespan.h"

/* How often the lock is tried. */
#define TRY_INTERVAL_US (500 * USEC_PER_MSEC)

/* The configurations are compared every 5 s. */
#define TRIES_PER_COMPARISON 10

/* How long a host that hands over leaves the lock to others: longer than those that are not preferred wait.
 */
#define HANDOVER_WAIT_US (20 * USEC_PER_SEC)

/* How long the end may take, and then the last messages. */
#define END_TIMEOUT_US (2 * USEC_PER_SEC)

struct standby {
        struct parts parts;
        struct reload *reload;
        struct status_line *line;
        sd_event_source *timer, *timeout;

        struct state_operation try; /* the writer uses this and the next, while it is queued */
        struct store_active_host found;
        void *digest;    /* of the active host's configuration, a string; NULL: none */
        uint64_t newest; /* event */
        bool reads_config;
        bool may_take_over, asks; /* what the writer is to do */
        unsigned wait_s;
        bool is_trying;
        unsigned tries;
        uint64_t told;    /* the newest event that clients know of */
        char *difference; /* of the configurations; NULL: none */

        struct preference preference;
        uint64_t not_before_us; /* CLOCK_BOOTTIME: this host leaves the lock to others until then */
        bool after_handover;
        char host[STORE_HOST_SIZE];

        struct standby_facts facts; /* as of the last one */
        char error[STATE_ERROR_MAX];
        bool is_ending, is_active;
        enum exit_status status;
};

/* ---- the end ---- */

static void exit_loop(struct standby *standby)
{
        bus_connection_detach(standby->parts.bus);
        (void)sd_event_exit(standby->parts.event, (int)standby->status);
}

/* The loop ends when the state writer has, or after a limited time. */
static void end(struct standby *standby, enum exit_status status)
{
        standby->status = status;
        if (standby->is_ending)
                return;
        standby->is_ending = true;
        source_stop(standby->timer);
        control_stop(standby->parts.control);
        metrics_file_stop(standby->parts.metrics_file);
        reload_stop(standby->reload);
        if (state_is_idle(standby->parts.state))
                exit_loop(standby);
        else
                timer_start(standby->timeout, END_TIMEOUT_US);
}

static int on_stop_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        (void)source;
        struct standby *standby = userdata;

        (void)sd_notify(false, "STOPPING=1");
        journal_print_about(standby->parts.journal, LOG_INFO, MESSAGE_ID_STOPPING, 0, NULL,
                            "Received %s, stopping.", info->ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
        standby->is_active = false;
        end(standby, EXIT_STATUS_SUCCESS);
        return 0;
}

static int on_reload_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        (void)source;
        (void)info;
        struct standby *standby = userdata;

        reload_request(standby->reload);
        return 0;
}

static void on_timeout(void *userdata)
{
        struct standby *standby = userdata;

        if (standby->is_ending) {
                exit_loop(standby);
                return;
        }
        journal_print(standby->parts.journal, LOG_WARNING, "--timeout expired while standing by. Exiting.");
        end(standby, EXIT_STATUS_TIMEOUT);
}

static void on_reload_end(void *userdata, bool succeeded)
{
        (void)succeeded;
        struct standby *standby = userdata;

        status_line_send(standby->line);
        metrics_file_update(standby->parts.metrics_file);
}

/* ---- who is active ---- */

static void log_host(const struct standby *standby)
{
        char *text = standby_text(&standby->facts);

        text[0] = 'S';
        journal_print_about(standby->parts.journal, LOG_NOTICE, MESSAGE_ID_STANDING_BY, 0, NULL, "%s.", text);
        free(text);
}

static void note_host(struct standby *standby)
{
        struct standby_facts *facts = &standby->facts;
        const struct store_active_host *found = &standby->found;
        bool is_other = !facts->is_known || facts->error != NULL ||
                        strcmp(found->name, facts->host.name) != 0 || found->since_us != facts->host.since_us;

        if (strcmp(found->name, standby->host) != 0)
                standby->not_before_us = 0; /* it has been handed over */
        facts->error = NULL;
        facts->is_known = true;
        facts->host = *found;
        if (is_other) {
                log_host(standby);
                metrics_file_update(standby->parts.metrics_file);
        }
}

/* Logged once, until the database can be used. */
static void note_error(struct standby *standby, const char *error)
{
        bool is_new = standby->facts.error == NULL;

        (void)snprintf(standby->error, sizeof(standby->error), "%s", error);
        standby->facts.error = standby->error;
        if (!is_new)
                return;
        journal_print(standby->parts.journal, LOG_WARNING,
                      "Standing by: %s cannot be used: %s. Trying again every second.",
                      config_state_place(standby->parts.config), error);
        metrics_file_update(standby->parts.metrics_file);
}

/* Logged when what differs has changed. */
static void compare_config(struct standby *standby)
{
        if (!standby->reads_config || standby->digest == NULL)
                return;
        CLEANUP(cleanup_free) char *digest = config_digest(standby->parts.config);
        char *difference = config_difference(digest, standby->digest);

        if (difference != NULL &&
            (standby->difference == NULL || strcmp(difference, standby->difference) != 0))
                journal_print(standby->parts.journal, LOG_WARNING,
                              "The configuration differs from that of %s, which is active: %s. It takes "
                              "effect when this host becomes active.",
                              standby->facts.host.name, difference);
        free(standby->difference);
        standby->facts.difference = standby->difference = difference;
}

/* The active host has recorded something: tells clients, who ask what it is. */
static void note_events(struct standby *standby)
{
        if (standby->newest != standby->told)
                control_tell_jobs_changed(standby->parts.control);
        standby->told = standby->newest;
}

/* ---- attempts to take over ---- */

/* Without the tables of this version there are no events. */
static int read_newest(struct standby *standby, struct store *store)
{
        uint64_t pruned;

        int r = store_event_range(store, &standby->newest, &pruned);
        return r < 0 && r != -EOPNOTSUPP ? r : 0;
}

/* Nor is there a configuration. */
static int read_config(struct standby *standby, struct store *store)
{
        size_t size = 0;

        free(standby->digest);
        standby->digest = NULL;
        int r = store_get_value(store, CONFIG_DIGEST_KEY, &standby->digest, &size);
        return r < 0 && r != -EOPNOTSUPP ? r : 0;
}

static int try_run(struct state_operation *operation, struct store *store)
{
        struct standby *standby = CONTAINER_OF(operation, struct standby, try);

        int r = standby->may_take_over ? store_take_over(store, standby->wait_s) : 0;
        if (r == 0 && standby->asks)
                r = store_ask_for_handover(store);
        if (r == 0)
                r = store_get_active_host(store, &standby->found);
        if (r == 0)
                r = read_newest(standby, store);
        return r == 0 && standby->reads_config ? read_config(standby, store) : r;
}

static void try_done(struct state_operation *operation, int r)
{
        struct standby *standby = CONTAINER_OF(operation, struct standby, try);

        standby->is_trying = false;
        if (standby->is_ending) {
                exit_loop(standby);
                return;
        }
        timer_start(standby->timer, TRY_INTERVAL_US);
        if (r > 0) {
                standby->is_active = true;
                end(standby, EXIT_STATUS_SUCCESS);
        } else if (r < 0) {
                note_error(standby, operation->error);
        } else {
                note_host(standby);
                compare_config(standby);
                note_events(standby);
        }
}

/* Not in a transaction: to become active is one. */
static void on_timer(void *userdata)
{
        struct standby *standby = userdata;

        if (standby->is_trying)
                return;
        const uint64_t now_us = clock_boot_us();
        const char *prefer = standby->parts.config->state_prefer;
        const bool is_preferred = strcmp(prefer, standby->host) == 0;

        standby->is_trying = true;
        standby->may_take_over = now_us >= standby->not_before_us;
        standby->wait_s = opening_wait_s(standby->parts.config, standby->host);
        standby->reads_config = standby->tries++ % TRIES_PER_COMPARISON == 1;
        standby->asks = preference_asks(&standby->preference,
                                        is_preferred && !standby->after_handover &&
                                                standby_sees_active_host(&standby->facts),
                                        now_us);
        if (standby->asks)
                journal_print(standby->parts.journal, LOG_NOTICE,
                              "This host is preferred, and asks %s for a handover.",
                              standby->facts.host.name);
        standby->try = (struct state_operation){ .run = try_run, .done = try_done, .at_once = true };
        state_queue(standby->parts.state, &standby->try);
}

/* ---- status ---- */

static char *describe_status(void *userdata, uint64_t now_us, bool *ret_stable)
{
        (void)now_us;
        const struct standby *standby = userdata;

        *ret_stable = true;
        return standby->is_ending ? NULL : standby_text(&standby->facts);
}

static struct standby_facts describe_facts(void *userdata)
{
        const struct standby *standby = userdata;

        return standby->facts;
}

/* ---- the run ---- */

static int build(struct standby *standby, struct store *store, uint64_t timeout_at_us)
{
        struct parts *parts = &standby->parts;

        int r = signals_new_loop(&parts->event, on_stop_signal, on_reload_signal, standby);
        if (r >= 0)
                r = state_use(parts->event, store, &parts->state);
        if (r < 0) {
                store_close(store);
                return r;
        }
        r = journal_start(parts->journal, parts->event);
        if (r < 0)
                return r;
        parts_build_standby(parts);
        standby->line = status_line_new(parts->event, describe_status, standby);
        standby->reload = reload_new(parts, on_reload_end, standby);
        standby->timer = timer_new(parts->event, CLOCK_BOOTTIME, 10 * USEC_PER_MSEC, on_timer, standby);
        timer_start(standby->timer, 0);
        standby->timeout = timer_new(parts->event, CLOCK_BOOTTIME, USEC_PER_MSEC, on_timeout, standby);
        if (timeout_at_us != 0)
                timer_start_at(standby->timeout, timeout_at_us);
        return state_start(parts->state);
}

enum exit_status standby_run(const struct daemon_options *options, struct config **config,
                             struct journal *journal, struct store *store, uint64_t timeout_at_us,
                             bool after_handover, struct store **ret_store)
{
        struct standby standby = {
                .parts = {
                        .options = options,
                        .config = STEAL_POINTER(*config), /* a reload frees it */
                        .journal = journal,
                        .describe_standby = describe_facts,
                        .userdata = &standby,
                },
                .after_handover = after_handover,
                .not_before_us = after_handover ? clock_boot_us() + HANDOVER_WAIT_US : 0,
        };

        opening_host(standby.host);
        int r = build(&standby, store, timeout_at_us);
        if (r >= 0)
                r = parts_run(&standby.parts);
        if (r < 0)
                journal_print(journal, LOG_ERR, "Cannot stand by: %s. Exiting.", strerror(-r));

        metrics_file_free(standby.parts.metrics_file);
        bool is_stuck = !journal_stop(journal, END_TIMEOUT_US);
        if (standby.is_ending && !state_is_idle(standby.parts.state)) /* the server does not answer */
                _exit((int)standby.status);
        store = standby.parts.state != NULL ? state_release(standby.parts.state) : NULL;
        sd_event_source_disable_unref(standby.timer);
        sd_event_source_disable_unref(standby.timeout);
        status_line_free(standby.line);
        free(standby.digest);
        free(standby.difference);
        reload_free(standby.reload);
        *config = config_ref(standby.parts.config);
        parts_free(&standby.parts);

        *ret_store = NULL;
        if (r >= 0 && standby.is_active && !is_stuck)
                *ret_store = store;
        else
                store_close(store);
        return r < 0 || is_stuck ? EXIT_STATUS_SOFTWARE : (enum exit_status)r;
}
