/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/connection.h"
#include "delivery/unit/unit_state.h"

/* The service manager on the system bus. */
#define SYSTEMD_NAME      "org.freedesktop.systemd1"
#define SYSTEMD_PATH      "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE "org.freedesktop.systemd1.Manager"

/* Follows the state of one unit. */
struct unit_watch {
        struct bus_connection *connection; /* all of these are set by the owner, and borrowed */
        const char *unit;
        void (*on_state)(void *userdata); /* the state is known now, or it has changed */
        /* It cannot be loaded. `reason` is malloc()ed and given away. */
        void (*on_error)(void *userdata, char *reason);
        void *userdata;

        bool known;
        struct unit_state state; /* once it is known */

        /* private */
        sd_bus_slot *call;    /* LoadUnit() or GetAll() */
        sd_bus_slot *changes; /* the match for PropertiesChanged */
};

/*
 * Loads the unit, unless that is done or in progress. The functions above are called from the loop;
 * on_state() may free the watch. Returns 0 or a negative errno; -ENOTCONN if there is no connection.
 */
int unit_watch_start(struct unit_watch *watch);

/* Stops it. Nothing is known of the unit any more. */
void unit_watch_stop(struct unit_watch *watch);
