/* SPDX-License-Identifier: MIT */

/*
 * Units whose time-out came before their end, and whose delivery is to be tried again. They are listened to,
 * so that a unit that takes longer than its hook allows, but does its work, is not started for the same event
 * again and again: the next attempt finds out what became of it.
 */

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "hooks/hook_unit_internal.h"

struct unit_left {
        struct unit_left *next;
        char event_id[EVENT_ID_SIZE];
        char *hook; /* its name */
        char *unit;
        struct unit_facts facts;
        sd_bus_slot *properties; /* NULL: it has ended, one way or the other */
        bool succeeded;
};

static void left_free(struct unit_left *left)
{
        sd_bus_slot_unref(left->properties);
        free(left->hook);
        free(left->unit);
        free(left);
}

static int on_properties(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct unit_left *left = userdata;
        const char *interface;

        if (sd_bus_message_read(message, "s", &interface) < 0 || unit_facts_read(&left->facts, message) < 0)
                return 0;
        left->succeeded = unit_has_succeeded(&left->facts);
        if (left->succeeded || unit_is_at_rest(&left->facts))
                left->properties = sd_bus_slot_unref(left->properties);
        return 0;
}

void unit_leave(struct hook_unit *run)
{
        struct unit_left *left = calloc(1, sizeof(*left));

        if (left == NULL)
                return;
        memcpy(left->event_id, run->attempt.event->id, EVENT_ID_SIZE);
        left->facts = run->facts;
        left->hook = strdup(run->attempt.hook->name);
        left->unit = strdup(run->unit);
        if (left->hook == NULL || left->unit == NULL ||
            sd_bus_match_signal_async(run->bus->connection, &left->properties, SYSTEMD_NAME, run->path,
                                      "org.freedesktop.DBus.Properties", "PropertiesChanged", on_properties,
                                      NULL, left) < 0) {
                left_free(left);
                return;
        }
        left->next = run->bus->left;
        run->bus->left = left;
}

enum unit_recall unit_recall(struct hook_unit *run)
{
        const struct hook_attempt *attempt = &run->attempt;

        for (struct unit_left **at = &run->bus->left; *at != NULL; at = &(*at)->next) {
                struct unit_left *left = *at;
                if (strcmp(left->event_id, attempt->event->id) != 0 ||
                    strcmp(left->hook, attempt->hook->name) != 0 || strcmp(left->unit, run->unit) != 0)
                        continue;
                enum unit_recall recall = left->succeeded            ? RECALL_SUCCEEDED
                                          : left->properties != NULL ? RECALL_AT_WORK
                                                                     : RECALL_NOTHING;
                *at = left->next;
                left_free(left);
                return recall;
        }
        return RECALL_NOTHING;
}

void unit_left_forget(struct hook_bus *bus, bool all)
{
        for (struct unit_left **at = &bus->left; *at != NULL;) {
                struct unit_left *left = *at;
                if (!all && left->properties == NULL) {
                        at = &left->next;
                        continue;
                }
                *at = left->next;
                left_free(left);
        }
}
