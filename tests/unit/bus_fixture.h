/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A private system bus (a dbus-daemon on a socket in a directory) and a fake systemd on it, in the test's own
 * loop: it replies to LoadUnit, GetAll, StartUnit and Cancel at once, and the test has it send the
 * signals about units and jobs. There is no polkit until fake_add_polkit().
 */

#include "bus/connection.h"
#include "delivery/unit/unit.h"
#include "hook_fixture.h"

#include <systemd/sd-bus.h>

struct unit_change {
        const char *active, *result;
        bool condition_failed;
        int code, status;
        unsigned job; /* that is queued for it */
};

struct fake_systemd {
        sd_bus *bus;
        char calls[4096];                 /* "LoadUnit a.service;…" */
        unsigned checks, starts, cancels; /* calls of GetAll, StartUnit and Cancel */
        unsigned jobs;                    /* number of the last job */
        const char *load, *active, *sub;  /* of every unit, in the reply to GetAll; it has not run yet */
        bool subscribed;                  /* Subscribe was called */
        const char *error;                /* reply to StartUnit, if not NULL */
        bool hurries;                     /* the unit ends at once */
        void (*on_start)(void *userdata); /* before the reply; NULL: nothing */
        void *userdata;
};

struct bus_fixture {
        struct hook_fixture *hook;
        char address[128];
        pid_t daemon;
        struct fake_systemd systemd;
        const char *hook_name; /* of the attempts that are started; NULL: "mail" */
        struct bus_connection *connection;
        struct unit_hooks *unit_hooks;
};

int bus_setup(void **state);
int bus_teardown(void **state);

/* Kills the dbus-daemon; starts another one at the same address. */
void bus_kill(struct bus_fixture *fixture);
void bus_begin(struct bus_fixture *fixture);

void fake_connect(struct bus_fixture *fixture);
void fake_disconnect(struct bus_fixture *fixture);

/* From now on the bus knows polkit. */
void fake_add_polkit(struct fake_systemd *systemd);

/* PropertiesChanged, first of the service, then of the unit, as systemd sends them. */
void fake_send_change(struct fake_systemd *systemd, const char *unit, const struct unit_change *change);

/* JobRemoved. */
void fake_send_removed(struct fake_systemd *systemd, unsigned job, const char *unit, const char *result);

/* The unit has ended with success: both. */
void fake_end_unit(struct fake_systemd *systemd, unsigned job, const char *unit);
