/* SPDX-License-Identifier: MIT */

/*
 * The connection of all unit hooks to the system bus, made when the first one needs it. Everything on it is
 * asynchronous but the connecting itself, which is to a local socket.
 *
 * systemd sends signals only while someone is subscribed, so Subscribe() and the match for JobRemoved come
 * before any unit is started; messages of one connection keep their order. When the connection is lost, what
 * is under way has failed for a reason that will pass: nobody knows what became of the unit. The next attempt
 * connects anew.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "delivery/unit/unit_internal.h"
#include "util/cleanup.h"
#include "util/reason.h"

DEFINE_CLEANUP(struct hook_bus, hook_bus_free)
DEFINE_CLEANUP(sd_bus, sd_bus_close_unref)

/* "BEFORE unit NAME AFTER". Whoever waits for his turn has asked for nothing yet and is no worse off. */
static void doom_all(struct hook_bus *bus, const char *before, const char *after)
{
        for (struct hook_unit *run = bus->runs; run != NULL; run = run->next)
                if (run->stage != STAGE_QUEUED && run->stage != STAGE_DONE)
                        unit_fail_later(run, format_message("%s unit %s %s", before, run->unit, after));
}

static void fail_all_lost(struct hook_bus *bus)
{
        detached_units_forget(bus, false);
        doom_all(bus, "the connection to the system bus was lost while",
                 "was under way, so what became of it is not known");
}

static int on_job_removed(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct hook_bus *bus = userdata;
        const char *job, *unit, *result;
        uint32_t id;

        if (sd_bus_message_read(message, "uoss", &id, &job, &unit, &result) < 0)
                return 0;
        for (struct hook_unit *run = bus->runs, *next; run != NULL; run = next) {
                next = run->next;
                unit_job_removed(run, job, unit, result);
        }
        return 0;
}

static int on_subscribed(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct hook_bus *bus = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(message);

        if (error == NULL)
                return 0;

        /* Without it no end would ever be heard of. The next attempt begins with a new connection. */
        CLEANUP(cleanup_free)
        char *why = format_message("cannot be started: systemd does not answer on the system bus: %s",
                                   error->message != NULL ? error->message : error->name);
        doom_all(bus, "the", why != NULL ? why : "cannot be started");
        sd_bus_close(bus->connection);
        return 0;
}

static int on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)message;
        (void)ret_error;

        fail_all_lost(userdata);
        return 0;
}

/* On a new connection: what is to be heard. */
static int listen_to_systemd(struct hook_bus *bus, sd_bus *connection)
{
        int r = sd_bus_match_signal_async(connection, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER,
                                          "JobRemoved", on_job_removed, NULL, bus);
        if (r >= 0)
                r = sd_bus_match_signal_async(connection, NULL, "org.freedesktop.DBus.Local",
                                              "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
                                              "Disconnected", on_disconnected, NULL, bus);
        if (r >= 0)
                r = sd_bus_call_method_async(connection, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER,
                                             "Subscribe", on_subscribed, bus, NULL);
        return r;
}

int bus_connect(struct hook_bus *bus, char **ret_reason)
{
        CLEANUP(cleanup_sd_bus_close_unref) sd_bus *connection = NULL;
        int r;

        if (bus->connection != NULL && sd_bus_is_open(bus->connection) > 0)
                return 0;
        if (bus->connection != NULL) {
                fail_all_lost(bus);
                bus->connection = sd_bus_close_unref(bus->connection);
        }

        r = sd_bus_open_system(&connection);
        if (r >= 0)
                r = sd_bus_set_exit_on_disconnect(connection, 0);
        if (r >= 0)
                r = sd_bus_attach_event(connection, bus->context.event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = listen_to_systemd(bus, connection);
        if (r < 0) {
                *ret_reason = format_message("the system bus, which starts units, cannot be reached: %s; it "
                                             "needs the package dbus and a running dbus.service",
                                             strerror(-r));
                return r;
        }
        bus->connection = STEAL_POINTER(connection);
        return 0;
}

int hook_bus_new(const struct hook_context *context, struct hook_bus **ret_bus)
{
        CLEANUP(cleanup_hook_bus_free) struct hook_bus *bus = calloc(1, sizeof(*bus));

        if (bus == NULL)
                return -ENOMEM;
        bus->context = *context;
        int r = event_files_new(NULL, &bus->files);
        if (r < 0)
                return r;
        *ret_bus = STEAL_POINTER(bus);
        return 0;
}

struct hook_bus *hook_bus_free(struct hook_bus *bus)
{
        if (bus == NULL)
                return NULL;

        detached_units_forget(bus, true);
        sd_bus_close_unref(bus->connection);
        event_files_free(bus->files);
        free(bus);
        return NULL;
}
