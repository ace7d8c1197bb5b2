/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

/*
 * The process's single connection to the system bus. It is made when it is first needed, and again after it
 * was lost. Connecting blocks, but only on a local socket; everything else on it is asynchronous.
 */
struct bus_connection;

/* One user of the connection. It must live until bus_connection_unlisten(). */
struct bus_listener {
        /*
         * The connection was made: add matches and subscriptions here. Messages on one connection keep
         * their order. A negative errno closes the connection and fails bus_connection_open().
         */
        int (*on_connect)(sd_bus *bus, void *userdata);

        /*
         * The connection was lost or closed: no reply and no signal will arrive on it any more. Must not open
         * the connection.
         */
        void (*on_lost)(void *userdata);

        void *userdata;
        struct bus_listener *next; /* private */
};

/* Does not connect. */
struct bus_connection *bus_connection_new(sd_event *event);

/* All listeners must have been removed. Accepts NULL, returns NULL. */
struct bus_connection *bus_connection_free(struct bus_connection *connection);

/*
 * Adds a listener; if the connection is open, on_connect() is called at once. If that fails, the connection
 * is closed, of which all listeners are told.
 */
void bus_connection_listen(struct bus_connection *connection, struct bus_listener *listener);
void bus_connection_unlisten(struct bus_connection *connection, struct bus_listener *listener);

/*
 * Connects unless the connection is open. Returns 0 or a negative errno; then *ret_reason is a malloc()ed
 * line that states the cause, or NULL.
 */
int bus_connection_open(struct bus_connection *connection, char **ret_reason);

/* Closes the connection and calls on_lost() of all listeners. May be called from a callback of sd-bus. */
void bus_connection_close(struct bus_connection *connection);

/*
 * To be called before the event loop exits: sd-bus would then wait until the bus has taken all messages,
 * which a bus that hangs never does. Nothing arrives any more, and the listeners are not told.
 */
void bus_connection_detach(struct bus_connection *connection);

/* Borrowed, valid until the connection is lost or closed; NULL if it was never made. */
sd_bus *bus_connection_get(const struct bus_connection *connection);
