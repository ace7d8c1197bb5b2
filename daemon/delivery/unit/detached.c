/* SPDX-License-Identifier: MIT */

/* Units that outlived their attempt. Each is observed by its PropertiesChanged until it has ended. */

#include "delivery/unit/detached.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct detached_unit {
        struct detached_unit *next;
        char event_id[EVENT_ID_SIZE];
        char *hook; /* its name */
        char *unit;
        struct unit_state state;
        sd_bus_slot *properties; /* NULL: it has ended */
        bool succeeded;
};

struct detached_units {
        struct manager *manager;
        struct detached_unit *first;
};

int detached_units_new(struct manager *manager, struct detached_units **ret_units)
{
        struct detached_units *units = calloc(1, sizeof(*units));

        if (units == NULL)
                return -ENOMEM;
        units->manager = manager;
        *ret_units = units;
        return 0;
}

static void detached_free(struct detached_unit *detached)
{
        sd_bus_slot_unref(detached->properties);
        free(detached->hook);
        free(detached->unit);
        free(detached);
}

static void forget(struct detached_units *units, bool ended_too)
{
        for (struct detached_unit **at = &units->first; *at != NULL;) {
                struct detached_unit *detached = *at;
                if (detached->properties == NULL && !ended_too) {
                        at = &detached->next;
                        continue;
                }
                *at = detached->next;
                detached_free(detached);
        }
}

struct detached_units *detached_units_free(struct detached_units *units)
{
        if (units != NULL)
                forget(units, true);
        free(units);
        return NULL;
}

void detached_units_forget_active(struct detached_units *units)
{
        forget(units, false);
}

static int on_change(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct detached_unit *detached = userdata;

        if (manager_read_change(message, &detached->state) < 0)
                return 0;
        detached->succeeded = unit_has_succeeded(&detached->state);
        if (detached->succeeded || unit_is_inactive(&detached->state))
                detached->properties = sd_bus_slot_unref(detached->properties);
        return 0;
}

void detached_units_add(struct detached_units *units, const struct hook_attempt *attempt, const char *unit,
                        const char *path, const struct unit_state *state)
{
        struct detached_unit *detached = calloc(1, sizeof(*detached));

        if (detached == NULL)
                return;
        memcpy(detached->event_id, attempt->event->id, EVENT_ID_SIZE);
        detached->state = *state;
        detached->hook = strdup(attempt->hook->name);
        detached->unit = strdup(unit);
        if (detached->hook == NULL || detached->unit == NULL ||
            manager_watch_unit(units->manager, path, on_change, detached, &detached->properties) < 0) {
                detached_free(detached);
                return;
        }
        detached->next = units->first;
        units->first = detached;
}

enum detached_result detached_units_take(struct detached_units *units, const struct hook_attempt *attempt,
                                         const char *unit)
{
        for (struct detached_unit **at = &units->first; *at != NULL; at = &(*at)->next) {
                struct detached_unit *detached = *at;
                if (strcmp(detached->event_id, attempt->event->id) != 0 ||
                    strcmp(detached->hook, attempt->hook->name) != 0 || strcmp(detached->unit, unit) != 0)
                        continue;
                enum detached_result result = detached->succeeded            ? DETACHED_SUCCEEDED
                                              : detached->properties != NULL ? DETACHED_ACTIVE
                                                                             : DETACHED_NONE;
                *at = detached->next;
                detached_free(detached);
                return result;
        }
        return DETACHED_NONE;
}
