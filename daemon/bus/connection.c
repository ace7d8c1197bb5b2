/* SPDX-License-Identifier: MIT */

/*
 * The connection to the system bus:
 *
 *     none --(open: on_connect() of all listeners)--> connected --(lost, closed: on_lost())--> lost
 *                                                         ^-------------(open)-----------------'
 *
 * A lost connection is noticed by the Disconnected signal that sd-bus makes up, or by the next open(). Its
 * object is kept until then, since it may be lost or closed in one of its own callbacks.
 */

#include "bus/connection.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory.h"
#include "util/message.h"

struct bus_connection {
        sd_event *event;
        sd_bus *bus;    /* NULL: none yet */
        bool connected; /* false: the listeners know that `bus` is lost */
        bool reporting; /* on_lost() is being called */
        struct bus_listener *listeners;
};

struct bus_connection *bus_connection_new(sd_event *event)
{
        struct bus_connection *connection = memory_need(calloc(1, sizeof(*connection)));

        connection->event = sd_event_ref(event);
        return connection;
}

struct bus_connection *bus_connection_free(struct bus_connection *connection)
{
        if (connection == NULL)
                return NULL;

        assert(connection->listeners == NULL);
        sd_bus_close_unref(connection->bus);
        sd_event_unref(connection->event);
        free(connection);
        return NULL;
}

static void report_lost(struct bus_connection *connection)
{
        if (!connection->connected)
                return;
        connection->connected = false;
        connection->reporting = true;
        for (struct bus_listener *listener = connection->listeners; listener != NULL;
             listener = listener->next)
                listener->on_lost(listener->userdata);
        connection->reporting = false;
}

static int report_connected(struct bus_connection *connection)
{
        connection->connected = true;
        for (struct bus_listener *listener = connection->listeners; listener != NULL;
             listener = listener->next) {
                int r = listener->on_connect(connection->bus, listener->userdata);
                if (r < 0)
                        return r;
        }
        return 0;
}

void bus_connection_listen(struct bus_connection *connection, struct bus_listener *listener)
{
        listener->next = connection->listeners;
        connection->listeners = listener;
        if (connection->connected && listener->on_connect(connection->bus, listener->userdata) < 0)
                bus_connection_close(connection);
}

void bus_connection_unlisten(struct bus_connection *connection, struct bus_listener *listener)
{
        struct bus_listener **at = &connection->listeners;

        while (*at != NULL && *at != listener)
                at = &(*at)->next;
        if (*at != NULL)
                *at = listener->next;
}

static int on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)message;
        (void)ret_error;

        report_lost(userdata);
        return 0;
}

static int connect_bus(struct bus_connection *connection)
{
        int r = sd_bus_open_system(&connection->bus);
        if (r >= 0)
                r = sd_bus_set_exit_on_disconnect(connection->bus, 0);
        if (r >= 0)
                r = sd_bus_attach_event(connection->bus, connection->event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = sd_bus_match_signal_async(connection->bus, NULL, "org.freedesktop.DBus.Local",
                                              "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
                                              "Disconnected", on_disconnected, NULL, connection);
        return r < 0 ? r : report_connected(connection);
}

int bus_connection_open(struct bus_connection *connection, char **ret_reason)
{
        assert(!connection->reporting);
        *ret_reason = NULL;
        if (connection->connected && sd_bus_is_open(connection->bus) > 0)
                return 0;

        report_lost(connection);
        connection->bus = sd_bus_close_unref(connection->bus);
        int r = connect_bus(connection);
        if (r < 0) {
                bus_connection_close(connection);
                *ret_reason = format_message("cannot connect to the system bus: %s; check that dbus.service "
                                             "is running",
                                             strerror(-r));
        }
        return r < 0 ? r : 0;
}

void bus_connection_close(struct bus_connection *connection)
{
        report_lost(connection);
        sd_bus_close(connection->bus);
}

void bus_connection_detach(struct bus_connection *connection)
{
        if (connection->bus != NULL)
                (void)sd_bus_detach_event(connection->bus);
}

sd_bus *bus_connection_get(const struct bus_connection *connection)
{
        return connection->bus;
}
