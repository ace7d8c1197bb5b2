/* SPDX-License-Identifier: MIT */

/*
 * All runs in one list. Those with attempts for the same unit take turns: an attempt starts when none before
 * it in the list has the same unit.
 */

#include "delivery/unit/unit.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "delivery/unit/unit_name.h"
#include "delivery/unit/unit_run.h"
#include "delivery/unit/unit_watch.h"
#include "util/cleanup.h"
#include "util/memory.h"

struct hook_unit {
        struct unit_hooks *hooks;
        struct unit_run *run;
        TAILQ_ENTRY(hook_unit) entry;
};

struct unit_hooks {
        struct unit_context context;
        struct bus_listener listener;
        sd_bus_slot *job_removed; /* the match */
        TAILQ_HEAD(, hook_unit) all;
};

DEFINE_CLEANUP(struct unit_hooks, unit_hooks_free)

/* ---- the list ---- */

static void remove_run(struct hook_unit *unit)
{
        TAILQ_REMOVE(&unit->hooks->all, unit, entry);
        unit_run_free(unit->run);
        free(unit);
}

/* Whether it is the turn of this attempt. */
static bool is_first_of_unit(const struct hook_unit *unit)
{
        const struct hook_unit *at = TAILQ_FIRST(&unit->hooks->all);

        while (at != unit && !(unit_run_is_attached(at->run) && unit_run_has_same_unit(at->run, unit->run)))
                at = TAILQ_NEXT(at, entry);
        return at == unit;
}

/* Frees what is done, and starts those whose turn it is. */
static void on_change(void *userdata)
{
        struct unit_hooks *hooks = userdata;
        struct hook_unit *unit, *next;

        for (unit = TAILQ_FIRST(&hooks->all); unit != NULL; unit = next) {
                next = TAILQ_NEXT(unit, entry);
                if (unit_run_is_done(unit->run))
                        remove_run(unit);
        }
        for (unit = TAILQ_FIRST(&hooks->all); unit != NULL; unit = TAILQ_NEXT(unit, entry))
                if (unit_run_is_queued(unit->run) && is_first_of_unit(unit))
                        unit_run_start(unit->run);
}

static struct hook_unit *add_run(struct unit_hooks *hooks, const char *hook, const char *event_id,
                                 const char *name, bool held)
{
        struct hook_unit *unit = memory_malloc(NULL, sizeof(*unit));

        *unit = (struct hook_unit){ .hooks = hooks,
                                    .run = unit_run_new(&hooks->context, hook, event_id, name, held) };
        TAILQ_INSERT_TAIL(&hooks->all, unit, entry);
        return unit;
}

/* What an earlier attempt has left, or NULL. */
static struct hook_unit *find_left(struct unit_hooks *hooks, const struct hook_attempt *attempt,
                                   const char *name)
{
        struct hook_unit *unit = TAILQ_FIRST(&hooks->all);

        while (unit != NULL && (unit_run_is_attached(unit->run) ||
                                !unit_run_is_of(unit->run, attempt->hook->name, attempt->event->id, name)))
                unit = TAILQ_NEXT(unit, entry);
        return unit;
}

/* ---- the bus ---- */

static int on_job_removed(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct unit_hooks *hooks = userdata;
        const char *job, *result;

        if (sd_bus_message_read(message, "uoss", NULL, &job, NULL, &result) < 0)
                return 0;
        for (struct hook_unit *unit = TAILQ_FIRST(&hooks->all); unit != NULL; unit = TAILQ_NEXT(unit, entry))
                unit_run_job_removed(unit->run, job, result);
        return 0;
}

static int on_connect(sd_bus *bus, void *userdata)
{
        struct unit_hooks *hooks = userdata;

        int r = sd_bus_match_signal_async(bus, &hooks->job_removed, SYSTEMD_NAME, SYSTEMD_PATH,
                                          MANAGER_INTERFACE, "JobRemoved", on_job_removed, NULL, hooks);
        if (r < 0)
                return r;
        for (struct hook_unit *unit = TAILQ_FIRST(&hooks->all); unit != NULL; unit = TAILQ_NEXT(unit, entry))
                unit_run_connected(unit->run);
        return 0;
}

static void on_lost(void *userdata)
{
        struct unit_hooks *hooks = userdata;

        hooks->job_removed = sd_bus_slot_unref(hooks->job_removed);
        for (struct hook_unit *unit = TAILQ_FIRST(&hooks->all); unit != NULL; unit = TAILQ_NEXT(unit, entry))
                unit_run_lost(unit->run);
}

/* ---- all hooks ---- */

static void add_held(void *userdata, const char *hook, const char *event_id, const char *name)
{
        (void)add_run(userdata, hook, event_id, name, true);
}

int unit_hooks_new(const struct hook_context *context, struct bus_connection *connection,
                   struct unit_hooks **ret_hooks)
{
        CLEANUP(cleanup_unit_hooks_free) struct unit_hooks *hooks = memory_malloc(NULL, sizeof(*hooks));
        CLEANUP(cleanup_free) char *reason = NULL;

        *hooks = (struct unit_hooks){
                .context = {
                        .event = context->event,
                        .journal = context->journal,
                        .connection = connection,
                        .on_change = on_change,
                        .userdata = hooks,
                },
                .listener = { .on_connect = on_connect, .on_lost = on_lost, .userdata = hooks },
        };
        TAILQ_INIT(&hooks->all);
        int r = bus_connection_listen(connection, &hooks->listener);
        if (r < 0)
                return r;
        hooks->context.files = event_files_new(NULL, add_held, hooks);
        /* Units that an earlier daemon has started may still run. Without a bus, their files stay. */
        if (!TAILQ_EMPTY(&hooks->all))
                (void)bus_connection_open(connection, &reason);
        *ret_hooks = STEAL_POINTER(hooks);
        return 0;
}

struct unit_hooks *unit_hooks_free(struct unit_hooks *hooks)
{
        if (hooks == NULL)
                return NULL;

        while (!TAILQ_EMPTY(&hooks->all)) {
                assert(!unit_run_is_attached(TAILQ_FIRST(&hooks->all)->run));
                remove_run(TAILQ_FIRST(&hooks->all));
        }
        bus_connection_unlisten(hooks->context.connection, &hooks->listener);
        sd_bus_slot_unref(hooks->job_removed);
        event_files_free(hooks->context.files);
        free(hooks);
        return NULL;
}

/* ---- attempts ---- */

int hook_unit_start(struct unit_hooks *hooks, const struct hook_attempt *attempt, char **ret_reason,
                    struct hook_unit **ret_unit)
{
        CLEANUP(cleanup_free) char *name = NULL;

        int r = unit_name_expand(attempt->hook->target, attempt->event, ret_reason, &name);
        if (r < 0)
                return r;
        struct hook_unit *unit = find_left(hooks, attempt, name);
        if (unit != NULL) {
                TAILQ_REMOVE(&hooks->all, unit, entry);
                TAILQ_INSERT_TAIL(&hooks->all, unit, entry);
        } else {
                unit = add_run(hooks, attempt->hook->name, attempt->event->id, name, false);
        }
        unit_run_attach(unit->run, attempt);
        if (is_first_of_unit(unit))
                unit_run_start(unit->run);
        *ret_unit = unit;
        return 0;
}

struct hook_unit *hook_unit_cancel(struct hook_unit *unit)
{
        if (unit == NULL)
                return NULL;

        unit_run_cancel(unit->run);
        on_change(unit->hooks);
        return NULL;
}
