/* SPDX-License-Identifier: MIT */

/*
 * Units whose time-out came before their end, and whose delivery is to be tried again. They are listened to,
 * so that a unit that takes longer than its hook allows, but does its work, is not started for the same event
 * again and again: the next attempt finds out what became of it.
 */

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "delivery/unit/unit_internal.h"

struct detached_unit {
        struct detached_unit *next;
        char event_id[EVENT_ID_SIZE];
        char *hook; /* its name */
        char *unit;
        struct unit_state state;
        sd_bus_slot *properties; /* NULL: it has ended, one way or the other */
        bool succeeded;
};

static void detached_free(struct detached_unit *left)
{
        sd_bus_slot_unref(left->properties);
        free(left->hook);
        free(left->unit);
        free(left);
}

static int on_properties(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct detached_unit *left = userdata;
        const char *interface;

        if (sd_bus_message_read(message, "s", &interface) < 0 || unit_facts_read(&left->state, message) < 0)
                return 0;
        left->succeeded = unit_has_succeeded(&left->state);
        if (left->succeeded || unit_is_at_rest(&left->state))
                left->properties = sd_bus_slot_unref(left->properties);
        return 0;
}

void unit_detach(struct hook_unit *run)
{
        struct detached_unit *left = calloc(1, sizeof(*left));

        if (left == NULL)
                return;
        memcpy(left->event_id, run->attempt.event->id, EVENT_ID_SIZE);
        left->state = run->state;
        left->hook = strdup(run->attempt.hook->name);
        left->unit = strdup(run->unit);
        if (left->hook == NULL || left->unit == NULL ||
            sd_bus_match_signal_async(run->bus->connection, &left->properties, SYSTEMD_NAME, run->path,
                                      "org.freedesktop.DBus.Properties", "PropertiesChanged", on_properties,
                                      NULL, left) < 0) {
                detached_free(left);
                return;
        }
        left->next = run->bus->left;
        run->bus->left = left;
}

enum unit_take_detached unit_take_detached(struct hook_unit *run)
{
        const struct hook_attempt *attempt = &run->attempt;

        for (struct detached_unit **at = &run->bus->left; *at != NULL; at = &(*at)->next) {
                struct detached_unit *left = *at;
                if (strcmp(left->event_id, attempt->event->id) != 0 ||
                    strcmp(left->hook, attempt->hook->name) != 0 || strcmp(left->unit, run->unit) != 0)
                        continue;
                enum unit_take_detached recall = left->succeeded            ? DETACHED_SUCCEEDED
                                                 : left->properties != NULL ? DETACHED_ACTIVE
                                                                            : DETACHED_NONE;
                *at = left->next;
                detached_free(left);
                return recall;
        }
        return DETACHED_NONE;
}

void detached_units_forget(struct hook_bus *bus, bool all)
{
        for (struct detached_unit **at = &bus->left; *at != NULL;) {
                struct detached_unit *left = *at;
                if (!all && left->properties == NULL) {
                        at = &left->next;
                        continue;
                }
                *at = left->next;
                detached_free(left);
        }
}
