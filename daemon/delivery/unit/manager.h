/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/connection.h"
#include "delivery/unit/unit_outcome.h"

/*
 * The service manager on the system bus (org.freedesktop.systemd1): its calls, and its signals about jobs and
 * units. It sends signals to subscribers only, so each new connection subscribes before any other call.
 */
struct manager;

struct manager_listener {
        /* The connection was made. Calls may be made, but no call that connects. */
        void (*on_connected)(void *userdata);

        /* JobRemoved: a job of a unit has ended, with systemd's word for the result. */
        void (*on_job_removed)(void *userdata, const char *job, const char *unit, const char *result);

        /* The connection was lost: no reply and no signal will arrive for earlier calls. */
        void (*on_lost)(void *userdata);

        /*
         * Subscribe() failed, so no signal will arrive; the connection is closed afterwards and on_lost() is
         * called. `message` is valid during the call.
         */
        void (*on_unusable)(void *userdata, const char *message);

        void *userdata;
};

/* `connection` is borrowed. Returns 0 or a negative errno. */
int manager_new(struct bus_connection *connection, const struct manager_listener *listener,
                struct manager **ret_manager);

/* Accepts NULL, returns NULL. */
struct manager *manager_free(struct manager *manager);

/* Connects and subscribes if necessary. Returns 0 or a negative errno with *ret_reason (see hook.h). */
int manager_connect(struct manager *manager, char **ret_reason);

/*
 * Asynchronous calls on the connection made by manager_connect(). on_reply() is called from the loop unless
 * the slot is released before. They return 0 or a negative errno; -ENOTCONN or -ECONNRESET if the connection
 * was lost.
 */
int manager_load_unit(struct manager *manager, const char *unit, sd_bus_message_handler_t on_reply,
                      void *userdata, sd_bus_slot **ret_slot);
int manager_ref_unit(struct manager *manager, const char *unit, sd_bus_message_handler_t on_reply,
                     void *userdata, sd_bus_slot **ret_slot);
int manager_start_unit(struct manager *manager, const char *unit, sd_bus_message_handler_t on_reply,
                       void *userdata, sd_bus_slot **ret_slot);
int manager_get_unit(struct manager *manager, const char *path, sd_bus_message_handler_t on_reply,
                     void *userdata, sd_bus_slot **ret_slot);

/* Has the bus start polkit if necessary. The reply shows if it is not there or cannot be started. */
int manager_ping_polkit(struct manager *manager, sd_bus_message_handler_t on_reply, void *userdata,
                        sd_bus_slot **ret_slot);

/*
 * Gives up a reference that manager_ref_unit() has taken on this connection; those on an earlier one ended
 * with it. The result is ignored.
 */
void manager_unref_unit(struct manager *manager, const char *unit);

/* Cancels a job by its path. The result is ignored. The caller of StartUnit() is permitted to do this. */
void manager_cancel_job(struct manager *manager, const char *job);

/* on_change() is called at each PropertiesChanged of the unit at `path` until the slot is released. */
int manager_watch_unit(struct manager *manager, const char *path, sd_bus_message_handler_t on_change,
                       void *userdata, sd_bus_slot **ret_slot);

/*
 * These read a reply: the object path that LoadUnit() and StartUnit() return (borrowed from the message), or
 * the properties of a unit, those of its type included. They return 0, or a negative errno with *ret_reason
 * if the reply is an error or invalid. `unit` is for the reason only. Results that are unfounded
 * (unit_outcome.h) are dropped.
 */
int manager_read_path(sd_bus_message *reply, const char *unit, const char **ret_path, char **ret_reason);
int manager_read_unit(sd_bus_message *reply, const char *unit, struct unit_state *state, char **ret_reason);

/* Updates `state` from PropertiesChanged. Returns 0 or a negative errno. */
int manager_read_change(sd_bus_message *signal, struct unit_state *state);

/* Whether `path` is the object of the unit of that name, which must not be an alias. */
bool manager_path_is_of_unit(const char *path, const char *unit);
