/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "app/activity.h"
#include "app/api_connection.h"
#include "app/control.h"
#include "app/daemon_options.h"
#include "app/heap_trim.h"
#include "app/metrics_file.h"
#include "bus/connection.h"
#include "delivery/outbox.h"
#include "monitor/monitor.h"
#include "monitor/recorder.h"
#include "state/state.h"

/* The parts of the daemon. On a host that stands by there is neither a monitor nor what it works with. */
struct parts {
        /* These are set before the others are built; then the state, and with several hosts, the activity. */
        const struct daemon_options *options;
        struct config *config; /* a reference; a reload replaces it */
        struct journal *journal;
        sd_event *event;

        /* Called from the loop: something has ended, so perhaps all has; jobs or settings have changed. */
        void (*on_idle)(void *userdata);
        void (*on_jobs_changed)(void *userdata);
        struct status_facts (*describe)(void *userdata);
        bool (*hand_over)(void *userdata, const char *reason);    /* on the active host, on request */
        struct standby_facts (*describe_standby)(void *userdata); /* only on a host that stands by */
        void *userdata;

        struct state *state;
        struct activity *activity; /* NULL: there is only one host */
        struct api_connection connection;
        struct api_connection_parts api; /* for each; `config` and `tokens` are its own */
        struct bus_connection *bus;
        struct outbox *outbox;
        struct recorder *recorder;
        struct monitor *monitor;
        struct control *control;           /* NULL: there is no D-Bus API */
        struct metrics_file *metrics_file; /* NULL with `once` */
        struct heap_trim *heap_trim;       /* NULL with `once`, and on a host that stands by */
};

/* Builds the other parts of an active daemon; errors are logged. Then, or after a failure, parts_free() is to
 * follow. */
enum exit_status parts_build(struct parts *parts);

/* The same on a host that stands by: only what shows that. Returns 0 or a negative errno. */
int parts_build_standby(struct parts *parts);

/* Runs the loop, and says READY=1. Returns the exit code of the loop or a negative errno. */
int parts_run(struct parts *parts);

/* Frees what exists of the parts but the state, which was closed before, and metrics_file. */
void parts_free(struct parts *parts);
