/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A system bus of the test's own (a dbus-daemon on a socket in a folder), and somebody on it who plays
 * systemd from the test's own loop: he answers LoadUnit, GetAll, StartUnit and Cancel at once, and the test
 * has him tell what becomes of units.
 */

#include "delivery/unit/unit.h"
#include "hook_fixture.h"

#include <systemd/sd-bus.h>

struct fake_systemd {
        sd_bus *bus;
        char calls[4096];                /* "Subscribe;LoadUnit a.service;…" */
        unsigned looks, starts, cancels; /* how many of GetAll, StartUnit and Cancel came */
        unsigned jobs;                   /* the number of the last job */
        const char *active, *sub;        /* of every unit, for who looks */
        const char *error;               /* StartUnit is answered with it, if not NULL */
        bool refuses_subscribers;
        bool hurries; /* tells of two jobs' ends, its own and another unit's, before it answers StartUnit */
        void (*on_start)(void *userdata); /* before the answer; NULL: nothing */
        void *userdata;
};

struct bus_fixture {
        struct hook_fixture *hook;
        char address[128];
        pid_t daemon;
        struct fake_systemd systemd;
        struct hook_bus *bus;
};

struct unit_change {
        const char *active, *result;
        bool unmet;
        int code, status;
};

int bus_setup(void **state);
int bus_teardown(void **state);

/* The dbus-daemon, ended at once and begun anew at the same address. */
void bus_kill(struct bus_fixture *fixture);
void bus_begin(struct bus_fixture *fixture);

void fake_connect(struct bus_fixture *fixture);
void fake_disconnect(struct bus_fixture *fixture);

/* PropertiesChanged, first of the service and then of the unit, as systemd does. */
void fake_tell_change(struct fake_systemd *systemd, const char *unit, const struct unit_change *change);

/* JobRemoved. */
void fake_tell_removed(struct fake_systemd *systemd, unsigned job, const char *unit, const char *result);
