/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "app/activity.h"
#include "app/api_connection.h"
#include "app/daemon_options.h"
#include "app/status_text.h"
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

        /* What the status line is made of, at present; one of the two, called from the loop. */
        struct status_facts (*describe)(void *userdata);
        struct standby_facts (*describe_standby)(void *userdata); /* only on a host that stands by */

        /* Gives up being active; false: there is only one host. The reason is borrowed. */
        bool (*hand_over)(void *userdata, const char *reason);
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
