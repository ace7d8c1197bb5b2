/* SPDX-License-Identifier: MIT */

/*
 * The state of a unit comes from PropertiesChanged, which systemd sends before the JobRemoved of the unit's
 * job, and before it unloads the unit. It is read with GetAll() only once, at the beginning: systemd may
 * unload a unit as soon as it has ended, and if it is asked then, it loads the unit anew and has forgotten
 * what happened to it.
 */

#include "delivery/unit/unit_watch.h"

#include <errno.h>
#include <string.h>

#include "delivery/unit/unit_error.h"
#include "util/message.h"

#define PROPERTY_INTERFACE "org.freedesktop.DBus.Properties"

static void fail(struct unit_watch *watch, char *reason)
{
        unit_watch_stop(watch);
        watch->on_error(watch->userdata, reason);
}

static int on_change(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct unit_watch *watch = userdata;
        const char *interface;

        if (sd_bus_message_read(message, "s", &interface) >= 0 &&
            unit_state_read(&watch->state, message) >= 0 && watch->known)
                watch->on_state(watch->userdata);
        return 0;
}

static int on_read(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct unit_watch *watch = userdata;

        int r = unit_state_read(&watch->state, message);
        char *reason = r < 0 ? unit_explain_reply(watch->unit, message, r)
                             : unit_explain_load(watch->unit, &watch->state);
        if (r < 0 || reason != NULL) {
                fail(watch, reason);
                return 0;
        }
        watch->call = sd_bus_slot_unref(watch->call);
        watch->known = true;
        watch->on_state(watch->userdata);
        return 0;
}

static int on_loaded(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct unit_watch *watch = userdata;
        sd_bus *bus = bus_connection_get(watch->connection);
        const char *object;

        watch->call = sd_bus_slot_unref(watch->call);
        int r = sd_bus_message_read(message, "o", &object);
        if (r < 0) {
                fail(watch, unit_explain_reply(watch->unit, message, r));
                return 0;
        }
        r = sd_bus_match_signal_async(bus, &watch->changes, SYSTEMD_NAME, object, PROPERTY_INTERFACE,
                                      "PropertiesChanged", on_change, NULL, watch);
        if (r >= 0) /* of all interfaces: Result is a property of the service, ActiveState one of the unit */
                r = sd_bus_call_method_async(bus, &watch->call, SYSTEMD_NAME, object, PROPERTY_INTERFACE,
                                             "GetAll", on_read, watch, "s", "");
        if (r < 0)
                fail(watch, format_message("cannot query unit %s: %s", watch->unit, strerror(-r)));
        return 0;
}

int unit_watch_start(struct unit_watch *watch)
{
        sd_bus *bus = bus_connection_get(watch->connection);

        if (watch->known || watch->call != NULL)
                return 0;
        if (bus == NULL)
                return -ENOTCONN;
        /* Signals are sent to subscribers only. One that has subscribed already is refused. */
        int r = sd_bus_call_method_async(bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH, MANAGER_INTERFACE,
                                         "Subscribe", NULL, NULL, NULL);
        if (r >= 0)
                r = sd_bus_call_method_async(bus, &watch->call, SYSTEMD_NAME, SYSTEMD_PATH, MANAGER_INTERFACE,
                                             "LoadUnit", on_loaded, watch, "s", watch->unit);
        return r < 0 ? r : 0;
}

void unit_watch_stop(struct unit_watch *watch)
{
        watch->call = sd_bus_slot_unref(watch->call);
        watch->changes = sd_bus_slot_unref(watch->changes);
        watch->known = false;
        watch->state = (struct unit_state){ .main_code = 0 };
}
