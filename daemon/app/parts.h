/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "app/api_connection.h"
#include "app/control.h"
#include "app/daemon_options.h"
#include "app/metrics_file.h"
#include "bus/connection.h"
#include "delivery/outbox.h"
#include "monitor/monitor.h"
#include "monitor/recorder.h"
#include "state/state.h"

/* The parts of the daemon. */
struct parts {
        /* These are set before the others are built. */
        const struct daemon_options *options;
        struct config *config; /* a reference; a reload replaces it */
        struct journal *journal;
        sd_event *event;

        /* Called from the loop: something has ended, so perhaps all has; jobs or settings have changed. */
        void (*on_idle)(void *userdata);
        void (*on_jobs_changed)(void *userdata);
        struct status_facts (*describe)(void *userdata);
        void *userdata;

        struct state *state;
        struct api_connection connection;
        struct api_connection_parts api; /* for each; `config` and `tokens` are its own */
        struct bus_connection *bus;
        struct outbox *outbox;
        struct recorder *recorder;
        struct monitor *monitor;
        struct control *control;           /* NULL: there is no D-Bus API */
        struct metrics_file *metrics_file; /* NULL with `once` */
};

/* Builds all parts; errors are logged. Then, or after a failure, parts_free() is to follow. */
enum exit_status parts_build(struct parts *parts);

/* Frees what exists of the parts but the state, which was closed before, and metrics_file. */
void parts_free(struct parts *parts);
