/* SPDX-License-Identifier: MIT */

/*
 * Calls and signals of the service manager. Subscribe() and the match for JobRemoved are the first messages
 * on each connection. If Subscribe() fails, the end of no job would ever be noticed: the connection is closed
 * and the next call makes another.
 */

#include "delivery/unit/manager.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "delivery/unit/unit_error.h"
#include "util/cleanup.h"
#include "util/message.h"

#define SYSTEMD_NAME       "org.freedesktop.systemd1"
#define SYSTEMD_PATH       "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE  "org.freedesktop.systemd1.Manager"
#define JOB_INTERFACE      "org.freedesktop.systemd1.Job"
#define PROPERTY_INTERFACE "org.freedesktop.DBus.Properties"

struct manager {
        struct bus_connection *connection;
        struct bus_listener bus_listener;
        struct manager_listener listener;
        sd_bus_slot *job_removed; /* the match */
        sd_bus_slot *subscribe;   /* the call */
};

/* ---- connection ---- */

static int on_job_removed(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct manager *manager = userdata;
        const char *job, *unit, *result;
        uint32_t id;

        if (sd_bus_message_read(message, "uoss", &id, &job, &unit, &result) >= 0)
                manager->listener.on_job_removed(manager->listener.userdata, job, unit, result);
        return 0;
}

static int on_subscribed(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct manager *manager = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(message);

        if (error == NULL)
                return 0;
        manager->listener.on_unusable(manager->listener.userdata,
                                      error->message != NULL ? error->message : error->name);
        bus_connection_close(manager->connection);
        return 0;
}

static int on_connect(sd_bus *bus, void *userdata)
{
        struct manager *manager = userdata;

        int r = sd_bus_match_signal_async(bus, &manager->job_removed, SYSTEMD_NAME, SYSTEMD_PATH,
                                          MANAGER_INTERFACE, "JobRemoved", on_job_removed, NULL, manager);
        if (r >= 0)
                r = sd_bus_call_method_async(bus, &manager->subscribe, SYSTEMD_NAME, SYSTEMD_PATH,
                                             MANAGER_INTERFACE, "Subscribe", on_subscribed, manager, NULL);
        if (r >= 0)
                manager->listener.on_connected(manager->listener.userdata);
        return r;
}

static void release_slots(struct manager *manager)
{
        manager->job_removed = sd_bus_slot_unref(manager->job_removed);
        manager->subscribe = sd_bus_slot_unref(manager->subscribe);
}

static void on_lost(void *userdata)
{
        struct manager *manager = userdata;

        release_slots(manager);
        manager->listener.on_lost(manager->listener.userdata);
}

int manager_new(struct bus_connection *connection, const struct manager_listener *listener,
                struct manager **ret_manager)
{
        struct manager *manager = calloc(1, sizeof(*manager));

        if (manager == NULL)
                return -ENOMEM;
        manager->connection = connection;
        manager->listener = *listener;
        manager->bus_listener = (struct bus_listener){
                .on_connect = on_connect,
                .on_lost = on_lost,
                .userdata = manager,
        };
        int r = bus_connection_listen(connection, &manager->bus_listener);
        if (r < 0) {
                manager_free(manager);
                return r;
        }
        *ret_manager = manager;
        return 0;
}

struct manager *manager_free(struct manager *manager)
{
        if (manager == NULL)
                return NULL;

        bus_connection_unlisten(manager->connection, &manager->bus_listener);
        release_slots(manager);
        free(manager);
        return NULL;
}

int manager_connect(struct manager *manager, char **ret_reason)
{
        return bus_connection_open(manager->connection, ret_reason);
}

/* ---- calls ---- */

/* A call of the manager with the name of a unit, and for StartUnit() the mode. */
static int call_manager(struct manager *manager, const char *method, const char *unit, const char *mode,
                        sd_bus_message_handler_t on_reply, void *userdata, sd_bus_slot **ret_slot)
{
        sd_bus *bus = bus_connection_get(manager->connection);

        if (bus == NULL)
                return -ENOTCONN;
        int r = sd_bus_call_method_async(bus, ret_slot, SYSTEMD_NAME, SYSTEMD_PATH, MANAGER_INTERFACE, method,
                                         on_reply, userdata, mode != NULL ? "ss" : "s", unit, mode);
        return r < 0 ? r : 0;
}

int manager_load_unit(struct manager *manager, const char *unit, sd_bus_message_handler_t on_reply,
                      void *userdata, sd_bus_slot **ret_slot)
{
        return call_manager(manager, "LoadUnit", unit, NULL, on_reply, userdata, ret_slot);
}

int manager_ref_unit(struct manager *manager, const char *unit, sd_bus_message_handler_t on_reply,
                     void *userdata, sd_bus_slot **ret_slot)
{
        return call_manager(manager, "RefUnit", unit, NULL, on_reply, userdata, ret_slot);
}

int manager_start_unit(struct manager *manager, const char *unit, sd_bus_message_handler_t on_reply,
                       void *userdata, sd_bus_slot **ret_slot)
{
        return call_manager(manager, "StartUnit", unit, "replace", on_reply, userdata, ret_slot);
}

void manager_unref_unit(struct manager *manager, const char *unit)
{
        (void)call_manager(manager, "UnrefUnit", unit, NULL, NULL, NULL, NULL);
}

int manager_get_unit(struct manager *manager, const char *path, sd_bus_message_handler_t on_reply,
                     void *userdata, sd_bus_slot **ret_slot)
{
        /* Of all interfaces: Result is a property of the service, ActiveState one of the unit. */
        int r = sd_bus_call_method_async(bus_connection_get(manager->connection), ret_slot, SYSTEMD_NAME,
                                         path, PROPERTY_INTERFACE, "GetAll", on_reply, userdata, "s", "");
        return r < 0 ? r : 0;
}

int manager_ping_polkit(struct manager *manager, sd_bus_message_handler_t on_reply, void *userdata,
                        sd_bus_slot **ret_slot)
{
        int r = sd_bus_call_method_async(bus_connection_get(manager->connection), ret_slot,
                                         "org.freedesktop.PolicyKit1", "/", "org.freedesktop.DBus.Peer",
                                         "Ping", on_reply, userdata, "");
        return r < 0 ? r : 0;
}

void manager_cancel_job(struct manager *manager, const char *job)
{
        sd_bus *bus = bus_connection_get(manager->connection);

        if (bus != NULL)
                (void)sd_bus_call_method_async(bus, NULL, SYSTEMD_NAME, job, JOB_INTERFACE, "Cancel", NULL,
                                               NULL, NULL);
}

int manager_watch_unit(struct manager *manager, const char *path, sd_bus_message_handler_t on_change,
                       void *userdata, sd_bus_slot **ret_slot)
{
        int r = sd_bus_match_signal_async(bus_connection_get(manager->connection), ret_slot, SYSTEMD_NAME,
                                          path, PROPERTY_INTERFACE, "PropertiesChanged", on_change, NULL,
                                          userdata);
        return r < 0 ? r : 0;
}

/* ---- messages ---- */

/* `r` is the result of reading the reply, or 0 for an error reply. */
static int check_reply(sd_bus_message *reply, const char *unit, int r, char **ret_reason)
{
        const sd_bus_error *error = sd_bus_message_get_error(reply);

        if (error != NULL) {
                *ret_reason = unit_explain_error(unit, error);
                return -EREMOTEIO;
        }
        if (r < 0) {
                *ret_reason =
                        format_message("invalid reply from systemd about unit %s: %s", unit, strerror(-r));
                return r;
        }
        *ret_reason = NULL;
        return 0;
}

int manager_read_path(sd_bus_message *reply, const char *unit, const char **ret_path, char **ret_reason)
{
        int r = sd_bus_message_is_method_error(reply, NULL) ? 0 : sd_bus_message_read(reply, "o", ret_path);

        return check_reply(reply, unit, r, ret_reason);
}

int manager_read_unit(sd_bus_message *reply, const char *unit, struct unit_state *state, char **ret_reason)
{
        int r = sd_bus_message_is_method_error(reply, NULL) ? 0 : unit_state_read(state, reply);
        if (r >= 0)
                unit_drop_unfounded(state);

        return check_reply(reply, unit, r, ret_reason);
}

int manager_read_change(sd_bus_message *signal, struct unit_state *state)
{
        const char *interface;

        int r = sd_bus_message_read(signal, "s", &interface);
        return r < 0 ? r : unit_state_read(state, signal);
}

bool manager_path_is_of_unit(const char *path, const char *unit)
{
        CLEANUP(cleanup_free) char *own = NULL;

        return sd_bus_path_encode(SYSTEMD_PATH "/unit", unit, &own) >= 0 && strcmp(own, path) == 0;
}
