/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "app/api_connection.h"
#include "config/config.h"
#include "delivery/outbox.h"
#include "journal/journal.h"
#include "monitor/monitor.h"
#include "monitor/recorder.h"

/* What a reload reads and replaces. All of it is borrowed from the daemon. */
struct reload {
        const char *path; /* of the configuration file */
        const struct config_overrides *overrides;
        struct journal *journal;
        struct outbox *outbox;
        struct recorder *recorder;
        struct monitor *monitor;
        struct api_connection *connection; /* replaced if [api] or its secret has changed */
        struct api_connection_parts api;   /* for a new connection; `config` is set by the reload */
};

/*
 * Loads the configuration again and puts it into effect. On success the caller's reference *config is
 * released and replaced with one to the new configuration. On failure the previous configuration stays in
 * effect. Logs the outcome and sends RELOADING=1 and READY=1 to the service manager. Returns whether it
 * succeeded. Called from the loop, never from a callback of one of the parts.
 */
bool reload_config(const struct reload *reload, struct config **config);
