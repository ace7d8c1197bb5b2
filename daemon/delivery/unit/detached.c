/* SPDX-License-Identifier: MIT */

/*
 * Units that outlive their attempt:
 *
 *     unknown ──(connect)──> followed ──(it ends)──> files released ──> forgotten, or
 *        ^                      │                                       succeeded, until the next attempt
 *        └────(disconnect)──────┘
 */

#include "delivery/unit/detached.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

struct detached_unit {
        struct detached_units *units;
        struct detached_unit *next;
        char event_id[EVENT_ID_SIZE];
        char *hook; /* its name */
        char *unit;
        struct unit_job_handler handler;
        struct unit_job *job; /* NULL: unknown, or it has ended */
        bool started;
        bool retried;
        bool succeeded;
        bool ended;
};

struct detached_units {
        struct manager *manager;
        struct event_files *files;
        struct detached_unit *first;
};

DEFINE_CLEANUP(struct detached_units, detached_units_free)

/* ---- the list ---- */

static void detached_free(struct detached_unit *detached)
{
        unit_job_free(detached->job);
        free(detached->hook);
        free(detached->unit);
        free(detached);
}

static void detached_remove(struct detached_unit *detached)
{
        struct detached_unit **at = &detached->units->first;

        while (*at != detached)
                at = &(*at)->next;
        *at = detached->next;
}

/* The files are released when the unit has ended. What it succeeded in is kept for the next attempt. */
static void detached_end(struct detached_unit *detached)
{
        event_files_release(detached->units->files, detached->hook, detached->event_id);
        detached->ended = true;
        detached->job = unit_job_free(detached->job);
        if (detached->succeeded && detached->retried)
                return;
        detached_remove(detached);
        detached_free(detached);
}

/* ---- following ---- */

static void on_state(void *userdata)
{
        struct detached_unit *detached = userdata;
        const struct unit_state *state = unit_job_state(detached->job);

        if (unit_has_succeeded(state))
                detached->succeeded = true;
        if (!unit_is_in_use(detached->unit, state))
                detached_end(detached);
}

/* Its start was abandoned before. */
static void on_result(void *userdata, enum unit_verdict verdict, const char *reason)
{
        (void)verdict;
        (void)reason;

        on_state(userdata);
}

/* It may still run: its files stay. */
static void on_error(void *userdata, const char *reason)
{
        (void)reason;
        struct detached_unit *detached = userdata;

        detached->job = unit_job_free(detached->job);
}

void detached_units_connect(struct detached_units *units)
{
        for (struct detached_unit *detached = units->first; detached != NULL; detached = detached->next)
                if (detached->job == NULL && !detached->ended)
                        (void)unit_job_new(units->manager, detached->unit, &detached->handler,
                                           &detached->job);
}

void detached_units_disconnect(struct detached_units *units)
{
        for (struct detached_unit *detached = units->first; detached != NULL; detached = detached->next) {
                detached->job = unit_job_free(detached->job);
                detached->started = detached->started && detached->ended;
        }
}

/* ---- life ---- */

static struct detached_unit *detached_new(struct detached_units *units, const char *hook,
                                          const char *event_id, const char *unit)
{
        struct detached_unit *detached = calloc(1, sizeof(*detached));

        if (detached == NULL)
                return NULL;
        detached->units = units;
        (void)snprintf(detached->event_id, sizeof(detached->event_id), "%s", event_id);
        detached->handler = (struct unit_job_handler){
                .on_state = on_state,
                .on_result = on_result,
                .on_error = on_error,
                .userdata = detached,
        };
        detached->hook = strdup(hook);
        detached->unit = strdup(unit);
        if (detached->hook == NULL || detached->unit == NULL) {
                detached_free(detached);
                return NULL;
        }
        detached->next = units->first;
        units->first = detached;
        return detached;
}

static int add_left(void *userdata, const char *hook, const char *event_id, const char *unit)
{
        struct detached_unit *detached = detached_new(userdata, hook, event_id, unit);

        if (detached == NULL)
                return -ENOMEM;
        detached->retried = true; /* perhaps */
        return 0;
}

int detached_units_new(struct manager *manager, struct event_files *files, struct detached_units **ret_units)
{
        CLEANUP(cleanup_detached_units_free) struct detached_units *units = calloc(1, sizeof(*units));

        if (units == NULL)
                return -ENOMEM;
        units->manager = manager;
        units->files = files;
        int r = event_files_each(files, add_left, units);
        if (r < 0)
                return r;
        *ret_units = STEAL_POINTER(units);
        return 0;
}

struct detached_units *detached_units_free(struct detached_units *units)
{
        if (units == NULL)
                return NULL;

        for (struct detached_unit *detached = units->first, *next; detached != NULL; detached = next) {
                next = detached->next;
                detached_free(detached);
        }
        free(units);
        return NULL;
}

bool detached_units_are_none(const struct detached_units *units)
{
        return units->first == NULL;
}

/* ---- attempts ---- */

void detached_units_add(struct detached_units *units, const struct hook_attempt *attempt, const char *unit,
                        struct unit_job *job, bool started, bool retried)
{
        struct detached_unit *detached = detached_new(units, attempt->hook->name, attempt->event->id, unit);

        if (detached == NULL) {
                unit_job_free(job);
                return;
        }
        detached->job = job;
        detached->started = started;
        detached->retried = retried;
        if (job == NULL) { /* the connection was lost; perhaps there is another one */
                (void)unit_job_new(units->manager, unit, &detached->handler, &detached->job);
                return;
        }
        unit_job_set_handler(job, &detached->handler);
        if (unit_job_state(job) != NULL)
                on_state(detached);
}

static struct detached_unit *find(const struct detached_units *units, const struct hook_attempt *attempt,
                                  const char *unit)
{
        struct detached_unit *detached = units->first;

        while (detached != NULL &&
               (strcmp(detached->event_id, attempt->event->id) != 0 ||
                strcmp(detached->hook, attempt->hook->name) != 0 || strcmp(detached->unit, unit) != 0))
                detached = detached->next;
        return detached;
}

enum detached_result detached_units_take(struct detached_units *units, const struct hook_attempt *attempt,
                                         const char *unit, struct unit_job **ret_job, bool *ret_started)
{
        struct detached_unit *detached = find(units, attempt, unit);

        *ret_job = NULL;
        *ret_started = false;
        if (detached == NULL)
                return DETACHED_NONE;
        enum detached_result result = detached->succeeded ? DETACHED_SUCCEEDED : DETACHED_ACTIVE;
        *ret_job = STEAL_POINTER(detached->job);
        *ret_started = detached->started;
        detached_remove(detached);
        detached_free(detached);
        return result;
}
