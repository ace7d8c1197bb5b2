/* SPDX-License-Identifier: MIT */

/* AddJobs, RemoveJobs and Poll. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "app/control_state.h"
#include "bus/reply.h"
#include "config/value_checks.h"
#include "monitor/job_request.h"
#include "monitor/listing.h"
#include "util/cleanup.h"
#include "util/names.h"

static void fail_unknown(struct bus_call *call, uint64_t id)
{
        bus_call_fail(call, BUS_NO_SUCH_JOB, "no such job: %" PRIu64, id);
}

static void fail_name(struct bus_call *call, uint64_t other, const char *name)
{
        bus_call_fail(call, BUS_INVALID_ARGUMENTS, "job %" PRIu64 " has the name %s", other, name);
}

static void put_added(struct bus_call *call, const enum job_was was[])
{
        const struct bus_add_jobs *added = &bus_call_arguments(call)->add_jobs;
        static const char *const words[] = {
                [JOB_NEW] = "new",
                [JOB_WATCHED] = "watched",
                [JOB_ENDED] = "ended",
                [JOB_REMOVED] = "removed",
        };

        bus_rows_begin(call);
        for (size_t i = 0; i < added->count; i++) {
                bus_row_begin(call);
                bus_put_number(call, "Id", added->ids[i]);
                bus_put_string(call, "Was", words[was[i]]);
                bus_row_end(call);
        }
        bus_rows_end(call);
}

static void on_done(void *userdata, const struct job_request_end *end)
{
        struct bus_call *call = userdata;
        const struct control *control = bus_call_userdata(call);

        if (end->r == -ENOENT) {
                fail_unknown(call, end->unknown);
                return;
        }
        if (end->r == -EEXIST) {
                fail_name(call, end->unknown, bus_call_arguments(call)->add_jobs.name);
                return;
        }
        if (end->r < 0) {
                bus_call_fail(call, BUS_STATE_UNAVAILABLE, "the state cannot be used: %s", end->error);
                return;
        }
        if (end->was != NULL)
                put_added(call, end->was);
        bus_call_send(call);
        control->parts->on_jobs_changed(control->parts->userdata);
}

/* ---- adding ---- */

/* Joins the names of configured hooks: *ret_hooks is NULL without any. Otherwise the call has ended. */
static bool join_hooks(const struct control *control, struct bus_call *call, char *const *hooks,
                       char **ret_hooks)
{
        CLEANUP(cleanup_free) char *names = NULL;

        for (; hooks != NULL && *hooks != NULL; hooks++) {
                if (config_find_hook(control->parts->config, *hooks) == NULL) {
                        control_fail_hook(control, call, *hooks);
                        return false;
                }
                names_add(&names, *hooks);
        }
        *ret_hooks = STEAL_POINTER(names);
        return true;
}

/* Names are unique, which is checked again when the job is added. Otherwise the call has ended. */
static bool may_have_name(const struct control *control, struct bus_call *call,
                          const struct bus_add_jobs *arguments)
{
        if (arguments->name == NULL)
                return true;
        const char *problem = check_name(arguments->name);
        uint64_t other = monitor_find_name(control->parts->monitor, arguments->name);
        if (problem != NULL)
                bus_call_fail(call, BUS_INVALID_ARGUMENTS, "invalid name; %s", problem);
        else if (other != 0 && other != arguments->ids[0])
                fail_name(call, other, arguments->name);
        else
                return true;
        return false;
}

void control_add_jobs(struct bus_call *call)
{
        const struct control *control = bus_call_userdata(call);
        const struct bus_add_jobs *arguments = &bus_call_arguments(call)->add_jobs;
        CLEANUP(cleanup_free) char *hooks = NULL;

        if (!may_have_name(control, call, arguments) || !join_hooks(control, call, arguments->hooks, &hooks))
                return;
        const struct job_addition addition = {
                .ids = arguments->ids,
                .count = arguments->count,
                .name = arguments->name,
                .hooks = hooks,
                .uid = bus_call_uid(call),
        };
        monitor_add_jobs(control->parts->monitor, &addition, on_done, call);
}

/* ---- removing, polling ---- */

void control_remove_jobs(struct bus_call *call)
{
        const struct control *control = bus_call_userdata(call);
        const struct bus_id_list *list = &bus_call_arguments(call)->list;

        monitor_remove_jobs(control->parts->monitor, list->ids, list->count, bus_call_uid(call), on_done,
                            call);
}

void control_poll(struct bus_call *call)
{
        const struct control *control = bus_call_userdata(call);
        const struct bus_id_list *list = &bus_call_arguments(call)->list;
        uint64_t unknown = 0;

        if (monitor_poll_jobs(control->parts->monitor, list->ids, list->count, bus_call_uid(call), &unknown) <
            0)
                fail_unknown(call, unknown);
        else
                bus_call_send(call);
}
