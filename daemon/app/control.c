/* SPDX-License-Identifier: MIT */

/* The parts of the API that all operations share, and the table of operations. */

#include "app/control.h"

#include <stdlib.h>

#include "app/control_state.h"
#include "bus/reply.h"
#include "platform/clock.h"
#include "util/memory.h"
#include "util/suggestion.h"

void control_fail_state(struct bus_call *call, const struct state_operation *operation)
{
        bus_call_fail(call, BUS_STATE_UNAVAILABLE, "the state cannot be used: %s", operation->error);
}

void *control_list_new(struct bus_call *call, size_t size,
                       int (*run)(struct state_operation *operation, struct store *store),
                       void (*done)(struct state_operation *operation, int r))
{
        struct control_list *list = memory_need(calloc(1, size));

        *list = (struct control_list){
                .operation = { .run = run, .done = done, .only_reads = true },
                .control = bus_call_userdata(call),
                .call = call,
        };
        return list;
}

void control_list_read(struct control_list *list)
{
        state_queue(list->control->parts->state, &list->operation);
}

bool control_find_job(const struct control *control, uint64_t id, struct watched_job *ret_job)
{
        return control->parts->monitor != NULL && monitor_find(control->parts->monitor, id, ret_job);
}

size_t control_list_watched(const struct control *control, uint64_t after, struct watched_job ret_jobs[],
                            size_t max)
{
        return control->parts->monitor != NULL ? monitor_list(control->parts->monitor, after, ret_jobs, max)
                                               : 0;
}

bool control_is_delivering(const struct control *control, uint64_t delivery_id)
{
        return control->parts->outbox != NULL && outbox_is_delivering(control->parts->outbox, delivery_id);
}

void control_fail_hook(const struct control *control, struct bus_call *call, const char *name)
{
        const struct config *config = control->parts->config;
        const char *nearest = config->hook_count > 0
                                      ? nearest_word(name, (const char *const *)&config->hooks[0].name,
                                                     sizeof(config->hooks[0]), config->hook_count)
                                      : NULL;

        bus_call_fail(call, BUS_NO_SUCH_HOOK, "no such hook: %s%s%s%s", name,
                      nearest != NULL ? "; did you mean '" : "", nearest != NULL ? nearest : "",
                      nearest != NULL ? "'?" : "");
}

uint64_t control_wall_us(const struct control *control, uint64_t boot_us)
{
        uint64_t now_us = 0;

        (void)sd_event_now(control->parts->event, CLOCK_BOOTTIME, &now_us);
        return clock_wall_us() + (boot_us > now_us ? boot_us - now_us : 0);
}

static void on_event(void *userdata, const struct event *event)
{
        struct control *control = userdata;

        bus_service_emit_event(control->service, event->sequence, event->record.id,
                               event_kind_to_string(event->kind));
}

static void on_notice(void *userdata, bool is_problem, const char *text)
{
        struct control *control = userdata;

        journal_print(control->parts->journal, is_problem ? LOG_NOTICE : LOG_INFO, "%s", text);
}

static bus_operation *const operations[BUS_METHOD_COUNT] = {
        [BUS_LIST_JOBS] = control_list_jobs,
        [BUS_GET_JOB] = control_get_job,
        [BUS_LIST_EVENTS] = control_list_events,
        [BUS_LIST_DELIVERIES] = control_list_deliveries,
        [BUS_LIST_STATUSES] = control_list_statuses,
        [BUS_GET_STATUS] = control_get_status,
        [BUS_METRICS] = control_metrics,
        [BUS_ADD_JOBS] = control_add_jobs,
        [BUS_REMOVE_JOBS] = control_remove_jobs,
        [BUS_POLL] = control_poll,
        [BUS_RETRY] = control_retry,
        [BUS_DROP] = control_drop,
        [BUS_TEST_HOOK] = control_test_hook,
        [BUS_HANDOVER] = control_handover,
        [BUS_GET_DELIVERY] = control_get_delivery,
        [BUS_RECENT] = control_recent,
        [BUS_DIAGNOSE] = control_diagnose,
        [BUS_LOGIN] = control_login,
};

/* On a host that stands by: what only reads what is recorded. */
static bus_operation *const standby_operations[BUS_METHOD_COUNT] = {
        [BUS_LIST_JOBS] = control_list_jobs,
        [BUS_GET_JOB] = control_get_job,
        [BUS_LIST_EVENTS] = control_list_events,
        [BUS_LIST_DELIVERIES] = control_list_deliveries,
        [BUS_LIST_STATUSES] = control_list_statuses,
        [BUS_GET_STATUS] = standby_get_status,
        [BUS_METRICS] = control_metrics,
        [BUS_ADD_JOBS] = standby_refuse,
        [BUS_REMOVE_JOBS] = standby_refuse,
        [BUS_POLL] = standby_refuse,
        [BUS_RETRY] = standby_refuse,
        [BUS_DROP] = standby_refuse,
        [BUS_TEST_HOOK] = standby_refuse,
        [BUS_HANDOVER] = standby_refuse,
        [BUS_GET_DELIVERY] = control_get_delivery,
        [BUS_RECENT] = standby_refuse,
        [BUS_DIAGNOSE] = standby_refuse,
        [BUS_LOGIN] = standby_refuse,
};

struct control *control_new(const struct parts *parts)
{
        struct control *control = memory_need(calloc(1, sizeof(*control)));

        control->parts = parts;
        control->started_us = clock_wall_us();
        const struct bus_service_parts service = {
                .event = parts->event,
                .connection = parts->bus,
                .instance = parts->options->instance,
                .operations = parts->monitor != NULL ? operations : standby_operations,
                .on_notice = on_notice,
                .userdata = control,
        };
        control->service = bus_service_new(&service);
        if (parts->recorder != NULL)
                recorder_on_event(parts->recorder, on_event, control);
        return control;
}

bool control_is_settled(const struct control *control)
{
        return bus_service_is_settled(control->service);
}

void control_tell_jobs_changed(struct control *control)
{
        if (control != NULL)
                bus_service_emit_event(control->service, 0, 0, "jobs");
}

void control_stop(struct control *control)
{
        if (control != NULL)
                bus_service_stop(control->service);
}

struct control *control_free(struct control *control)
{
        if (control == NULL)
                return NULL;
        bus_service_free(control->service);
        free(control);
        return NULL;
}
