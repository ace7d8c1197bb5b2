/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-event.h>

#include "app/status_text.h"
#include "bus/connection.h"
#include "config/config.h"
#include "delivery/outbox.h"
#include "journal/journal.h"
#include "monitor/monitor.h"
#include "monitor/recorder.h"
#include "state/state.h"

/* The components that the D-Bus API works with. They are borrowed and must outlive it. */
struct control_parts {
        sd_event *event;
        struct bus_connection *bus;
        struct state *state;
        struct journal *journal;
        struct monitor *monitor;
        struct recorder *recorder;
        struct outbox *outbox;
        struct config *const *config; /* the one in effect */
        const char *instance;         /* see bus/service.h; NULL: none */

        /* What the status line is made of, at present. Called from the loop. */
        struct status_facts (*describe)(void *userdata);

        /* The same on a host that stands by, instead; there is no monitor, no recorder, no outbox. */
        struct standby_facts (*describe_standby)(void *userdata);

        /* Gives up being active; false: there is only one host. The reason is borrowed. */
        bool (*hand_over)(void *userdata, const char *reason);

        /* Called from the loop: jobs were added or removed. */
        void (*on_jobs_changed)(void *userdata);
        void *userdata;
};
