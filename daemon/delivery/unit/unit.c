/* SPDX-License-Identifier: MIT */

/*
 * All runs of unit hooks in one list, the oldest first. Runs for the same unit take turns: a run starts when
 * none before it in the list has the same unit.
 */

#include "delivery/unit/unit.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "delivery/unit/unit_run.h"
#include "util/cleanup.h"
#include "util/message.h"

struct hook_unit {
        struct unit_hooks *hooks;
        struct hook_unit *next; /* a later run */
        struct unit_run *run;
        void (*on_end)(void *userdata, const struct hook_end *end);
        void *userdata;
};

struct unit_hooks {
        struct unit_run_context context;
        struct hook_unit *runs;
        bool in_end; /* an on_end() is being called */
};

DEFINE_CLEANUP(struct unit_hooks, unit_hooks_free)

/* ---- the queue ---- */

static bool has_same_unit(const struct hook_unit *first, const struct hook_unit *second)
{
        return strcmp(unit_run_unit(first->run), unit_run_unit(second->run)) == 0;
}

/* Whether no earlier run has the same unit. */
static bool is_first_of_unit(const struct hook_unit *run)
{
        for (const struct hook_unit *at = run->hooks->runs; at != run; at = at->next)
                if (has_same_unit(at, run))
                        return false;
        return true;
}

static void queue_push(struct hook_unit *run)
{
        struct hook_unit **at = &run->hooks->runs;

        while (*at != NULL)
                at = &(*at)->next;
        *at = run;
}

/* Removes the run. Returns the next one for the same unit, for queue_start(), or NULL. */
static struct hook_unit *queue_remove(struct hook_unit *run)
{
        struct hook_unit **at = &run->hooks->runs;

        while (*at != run) {
                assert(*at != NULL); /* it has ended */
                at = &(*at)->next;
        }
        *at = run->next;
        for (struct hook_unit *later = run->next; later != NULL; later = later->next)
                if (has_same_unit(later, run))
                        return later;
        return NULL;
}

/* Starts the run if it is its turn. Accepts NULL. */
static void queue_start(struct hook_unit *run)
{
        if (run != NULL && unit_run_is_queued(run->run) && is_first_of_unit(run))
                unit_run_start_or_abort(run->run);
}

/* ---- what the service manager reports ---- */

static void on_job_removed(void *userdata, const char *job, const char *unit, const char *result)
{
        struct unit_hooks *hooks = userdata;

        for (struct hook_unit *run = hooks->runs, *next; run != NULL; run = next) {
                next = run->next;
                unit_run_job_removed(run->run, job, unit, result);
        }
}

static void on_connected(void *userdata)
{
        struct unit_hooks *hooks = userdata;

        if (hooks->context.detached != NULL)
                detached_units_connect(hooks->context.detached);
}

static void on_lost(void *userdata)
{
        struct unit_hooks *hooks = userdata;

        detached_units_disconnect(hooks->context.detached);
        for (struct hook_unit *run = hooks->runs; run != NULL; run = run->next)
                unit_run_abort(run->run, format_message("result of unit %s unknown: lost the connection to "
                                                        "the system bus",
                                                        unit_run_unit(run->run)));
}

static void on_unusable(void *userdata, const char *message)
{
        struct unit_hooks *hooks = userdata;

        for (struct hook_unit *run = hooks->runs; run != NULL; run = run->next)
                unit_run_abort(run->run, format_message("cannot start unit %s: systemd does not respond on "
                                                        "the system bus: %s",
                                                        unit_run_unit(run->run), message));
}

/* Units that an earlier daemon has started may still run. Without a bus, their files stay. */
static void follow_left(struct unit_hooks *hooks)
{
        CLEANUP(cleanup_free) char *reason = NULL;

        if (!detached_units_are_none(hooks->context.detached) &&
            manager_connect(hooks->context.manager, &reason) >= 0)
                detached_units_connect(hooks->context.detached);
}

int unit_hooks_new(const struct hook_context *context, struct bus_connection *connection,
                   struct unit_hooks **ret_hooks)
{
        CLEANUP(cleanup_unit_hooks_free) struct unit_hooks *hooks = calloc(1, sizeof(*hooks));
        const struct manager_listener listener = {
                .on_connected = on_connected,
                .on_job_removed = on_job_removed,
                .on_lost = on_lost,
                .on_unusable = on_unusable,
                .userdata = hooks,
        };

        if (hooks == NULL)
                return -ENOMEM;
        hooks->context.event = context->event;
        hooks->context.journal = context->journal;
        int r = manager_new(connection, &listener, &hooks->context.manager);
        if (r >= 0)
                r = event_files_new(NULL, &hooks->context.files);
        if (r >= 0)
                r = detached_units_new(hooks->context.manager, hooks->context.files,
                                       &hooks->context.detached);
        if (r < 0)
                return r;
        follow_left(hooks);
        *ret_hooks = STEAL_POINTER(hooks);
        return 0;
}

struct unit_hooks *unit_hooks_free(struct unit_hooks *hooks)
{
        if (hooks == NULL)
                return NULL;

        assert(hooks->runs == NULL && !hooks->in_end);
        detached_units_free(hooks->context.detached);
        manager_free(hooks->context.manager);
        event_files_free(hooks->context.files);
        free(hooks);
        return NULL;
}

/* ---- runs ---- */

static void on_run_end(void *userdata, const struct hook_end *end)
{
        struct hook_unit *run = userdata;

        queue_start(queue_remove(run));
        run->hooks->in_end = true;
        run->on_end(run->userdata, end);
        run->hooks->in_end = false;
        free(run);
}

int hook_unit_start(struct unit_hooks *hooks, const struct hook_attempt *attempt, char **ret_reason,
                    struct hook_unit **ret_run)
{
        struct hook_unit *run = calloc(1, sizeof(*run));
        struct hook_attempt call = *attempt;

        *ret_reason = NULL;
        if (run == NULL)
                return -ENOMEM;
        run->hooks = hooks;
        run->on_end = attempt->on_end;
        run->userdata = attempt->userdata;
        call.on_end = on_run_end;
        call.userdata = run;

        int r = unit_run_new(&hooks->context, &call, ret_reason, &run->run);
        if (r < 0) {
                free(run);
                return r;
        }
        queue_push(run);
        if (unit_run_is_queued(run->run) && is_first_of_unit(run))
                r = unit_run_start(run->run, ret_reason);
        if (r < 0) {
                hook_unit_cancel(run);
                return r;
        }
        *ret_run = run;
        return 0;
}

struct hook_unit *hook_unit_cancel(struct hook_unit *run)
{
        if (run == NULL)
                return NULL;

        struct hook_unit *next = queue_remove(run);
        unit_run_cancel(run->run);
        queue_start(next);
        free(run);
        return NULL;
}
