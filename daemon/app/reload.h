/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "app/api_connection.h"
#include "config/config.h"
#include "delivery/outbox.h"
#include "journal/journal.h"
#include "monitor/monitor.h"
#include "monitor/recorder.h"
#include "state/state.h"

/*
 * Loads the configuration again and puts it into effect. The previous one stays in effect until then, and if
 * it fails. Logs the outcome and sends RELOADING=1 and READY=1 to the service manager.
 */
struct reload;

/* What a reload reads and replaces. All of it is borrowed from the daemon. */
struct reload_parts {
        const char *path; /* of the configuration file */
        const struct config_overrides *overrides;
        struct config **config; /* a reference, replaced with one to the new configuration */
        struct state *state;
        struct journal *journal;
        struct outbox *outbox;
        struct recorder *recorder;
        struct monitor *monitor;
        struct api_connection *connection; /* replaced if [api] or its secret has changed */
        struct api_connection_parts
                api; /* for a new connection; `config` and `tokens` are set by the reload */

        /* A reload has ended. Called from the loop, before READY=1 is sent. */
        void (*on_end)(void *userdata, bool succeeded);
        void *userdata;
};

struct reload *reload_new(const struct reload_parts *parts);

/* No reload is in progress. Accepts NULL, returns NULL. */
struct reload *reload_free(struct reload *reload);

/*
 * Starts a reload. One that is requested while another is in progress follows that. Called from the loop,
 * never from a callback of one of the parts.
 */
void reload_request(struct reload *reload);

/* Abandons the reload in progress, and ignores requests. Accepts NULL. */
void reload_stop(struct reload *reload);
