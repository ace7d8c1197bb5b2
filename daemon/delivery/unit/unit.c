/* SPDX-License-Identifier: MIT */

/*
 * All runs in one list. Those with attempts for the same unit take turns: an attempt starts when none before
 * it in the list has the same unit.
 */

#include "delivery/unit/unit.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "delivery/unit/unit_name.h"
#include "delivery/unit/unit_run.h"
#include "util/cleanup.h"
#include "util/memory.h"

DEFINE_CLEANUP(struct unit_hooks, unit_hooks_free)

/* ---- the list ---- */

/* Whether it is the turn of this attempt. */
static bool is_first_of_unit(const struct unit_run *run)
{
        const struct unit_run *at = TAILQ_FIRST(&run->hooks->all);

        while (at != run && !(unit_run_is_attached(at) && strcmp(at->unit, run->unit) == 0))
                at = TAILQ_NEXT(at, entry);
        return at == run;
}

/* Frees what is done, and starts those whose turn it is. */
static void on_change(struct unit_hooks *hooks)
{
        struct unit_run *run, *next;

        for (run = TAILQ_FIRST(&hooks->all); run != NULL; run = next) {
                next = TAILQ_NEXT(run, entry);
                if (!unit_run_is_attached(run) && !run->held && !(run->succeeded && run->retried))
                        unit_run_free(run);
        }
        for (run = TAILQ_FIRST(&hooks->all); run != NULL; run = TAILQ_NEXT(run, entry))
                if (unit_run_is_attached(run) && !run->begun && !run->over && is_first_of_unit(run))
                        unit_run_start(run);
}

/* What an earlier attempt has left, or NULL. */
static struct unit_run *find_left(struct unit_hooks *hooks, const struct hook_attempt *attempt,
                                  const char *name)
{
        struct unit_run *run = TAILQ_FIRST(&hooks->all);

        while (run != NULL && (unit_run_is_attached(run) || strcmp(run->event_id, attempt->event->id) != 0 ||
                               strcmp(run->hook, attempt->hook->name) != 0 || strcmp(run->unit, name) != 0))
                run = TAILQ_NEXT(run, entry);
        return run;
}

/* ---- the bus ---- */

static int on_job_removed(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct unit_hooks *hooks = userdata;
        const char *job, *result;

        if (sd_bus_message_read(message, "uoss", NULL, &job, NULL, &result) < 0)
                return 0;
        for (struct unit_run *run = TAILQ_FIRST(&hooks->all); run != NULL; run = TAILQ_NEXT(run, entry))
                unit_run_job_removed(run, job, result);
        return 0;
}

static int on_connect(sd_bus *bus, void *userdata)
{
        struct unit_hooks *hooks = userdata;

        int r = sd_bus_match_signal_async(bus, &hooks->job_removed, SYSTEMD_NAME, SYSTEMD_PATH,
                                          MANAGER_INTERFACE, "JobRemoved", on_job_removed, NULL, hooks);
        if (r < 0)
                return r;
        for (struct unit_run *run = TAILQ_FIRST(&hooks->all); run != NULL; run = TAILQ_NEXT(run, entry))
                unit_run_connected(run);
        return 0;
}

static void on_lost(void *userdata)
{
        struct unit_hooks *hooks = userdata;

        hooks->job_removed = sd_bus_slot_unref(hooks->job_removed);
        for (struct unit_run *run = TAILQ_FIRST(&hooks->all); run != NULL; run = TAILQ_NEXT(run, entry))
                unit_run_lost(run);
}

/* ---- all hooks ---- */

static void add_held(void *userdata, const char *hook, const char *event_id, const char *name)
{
        (void)unit_run_new(userdata, hook, event_id, name, true);
}

int unit_hooks_new(const struct hook_context *context, struct bus_connection *connection,
                   struct unit_hooks **ret_hooks)
{
        CLEANUP(cleanup_unit_hooks_free) struct unit_hooks *hooks = memory_malloc(NULL, sizeof(*hooks));
        CLEANUP(cleanup_free) char *reason = NULL;

        *hooks = (struct unit_hooks){
                .event = context->event,
                .journal = context->journal,
                .connection = connection,
                .on_change = on_change,
                .listener = { .on_connect = on_connect, .on_lost = on_lost, .userdata = hooks },
        };
        TAILQ_INIT(&hooks->all);
        bus_connection_listen(connection, &hooks->listener);
        hooks->files = event_files_new(add_held, hooks);
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
                assert(!unit_run_is_attached(TAILQ_FIRST(&hooks->all)));
                unit_run_free(TAILQ_FIRST(&hooks->all));
        }
        bus_connection_unlisten(hooks->connection, &hooks->listener);
        sd_bus_slot_unref(hooks->job_removed);
        event_files_free(hooks->files);
        free(hooks);
        return NULL;
}

/* ---- attempts ---- */

int hook_unit_start(struct unit_hooks *hooks, const struct hook_attempt *attempt, char **ret_reason,
                    struct unit_run **ret_run)
{
        CLEANUP(cleanup_free) char *name = NULL;

        int r = unit_name_expand(attempt->hook->target, attempt->event, ret_reason, &name);
        if (r < 0)
                return r;
        struct unit_run *run = find_left(hooks, attempt, name);
        if (run != NULL) {
                TAILQ_REMOVE(&hooks->all, run, entry);
                TAILQ_INSERT_TAIL(&hooks->all, run, entry);
        } else {
                run = unit_run_new(hooks, attempt->hook->name, attempt->event->id, name, false);
        }
        unit_run_attach(run, attempt);
        if (is_first_of_unit(run))
                unit_run_start(run);
        *ret_run = run;
        return 0;
}

struct unit_run *hook_unit_cancel(struct unit_run *run)
{
        if (run == NULL)
                return NULL;

        unit_run_cancel(run);
        on_change(run->hooks);
        return NULL;
}
