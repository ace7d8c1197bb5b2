/* SPDX-License-Identifier: MIT */

/*
 * ListDeliveries: what the state has of them; which are in progress only the outbox knows. With a filter an
 * operation reads a limited number of deliveries, of which none may match; then another one goes on from
 * there.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "app/control_state.h"
#include "bus/reply.h"
#include "delivery/outbox_changes.h"
#include "platform/clock.h"
#include "state/lists.h"
#include "util/cleanup.h"
#include "util/container.h"
#include "util/memory.h"

struct list_deliveries {
        struct control_list base;
        const struct bus_list_deliveries *arguments;
        uint64_t after; /* deliveries up to this one have been read */
        uint64_t last;  /* and with the operation in progress, up to this one */
        bool more;      /* there may be others */
        size_t count;
        struct listed_delivery deliveries[BUS_ROWS_MAX]; /* by id */
};

static void deliveries_clear(struct list_deliveries *list)
{
        for (size_t i = 0; i < list->count; i++) {
                text_clear(&list->deliveries[i].hook);
                text_clear(&list->deliveries[i].error);
        }
        list->count = 0;
}

static int take_delivery(void *userdata, struct listed_delivery *delivery)
{
        struct list_deliveries *list = userdata;

        list->deliveries[list->count++] = *delivery;
        delivery->hook = delivery->error = TEXT_NULL;
        return 0;
}

static int run(struct state_operation *operation, struct store *store)
{
        struct list_deliveries *list = CONTAINER_OF(operation, struct list_deliveries, base.operation);
        const struct bus_list_deliveries *arguments = list->arguments;
        const struct delivery_filter filter = { arguments->state, arguments->hook, arguments->job };

        deliveries_clear(list);
        list->last = list->after;
        int r = store_list_deliveries(store, list->after, &filter, arguments->limit, &list->last,
                                      take_delivery, list);
        if (r < 0)
                return r;
        list->more = r > 0;
        return 0;
}

/* The wall clock at a time of clock_process_us(). */
static uint64_t wall_us(uint64_t process_us)
{
        return clock_wall_us() + process_us - clock_process_us();
}

static void put_delivery(const struct list_deliveries *list, const struct listed_delivery *listed)
{
        const struct delivery *delivery = &listed->delivery;
        struct bus_call *call = list->base.call;
        bool running = control_is_delivering(list->base.control, delivery->id);

        bus_row_begin(call);
        bus_put_number(call, "Id", delivery->id);
        control_put_text(call, "Hook", &listed->hook);
        bus_put_number(call, "Job", delivery->job_id);
        bus_put_string(call, "EventId", delivery->event_id);
        bus_put_string(call, "Event", event_kind_to_string(listed->event));
        bus_put_number(call, "Sequence", listed->sequence);
        bus_put_string(call, "State", running ? "running" : listed->failed ? "failed" : "pending");
        bus_put_count(call, "Attempts", delivery->attempts);
        if (!listed->failed && delivery->next_us != 0)
                bus_put_number(call, "NextUSec", wall_us(delivery->next_us));
        control_put_text(call, "Error", &listed->error);
        bus_put_flag(call, "Configured",
                     config_find_hook(list->base.control->parts->config, text_or_empty(&listed->hook)) !=
                             NULL);
        bus_row_end(call);
}

static void done(struct state_operation *operation, int r)
{
        struct list_deliveries *list = CONTAINER_OF(operation, struct list_deliveries, base.operation);

        if (r >= 0 && list->count == 0 && list->more) {
                list->after = list->last;
                control_list_read(&list->base);
                return;
        }
        if (r < 0) {
                control_fail_state(list->base.call, operation);
        } else {
                bus_rows_begin(list->base.call);
                for (size_t i = 0; i < list->count; i++)
                        put_delivery(list, &list->deliveries[i]);
                bus_rows_end(list->base.call);
                bus_call_send(list->base.call);
        }
        deliveries_clear(list);
        free(list);
}

void control_list_deliveries(struct bus_call *call)
{
        struct list_deliveries *list = control_list_new(call, sizeof(*list), run, done);

        list->arguments = &bus_call_arguments(call)->list_deliveries;
        list->after = list->arguments->after;
        control_list_read(&list->base);
}

static void fail_unknown(struct bus_call *call, uint64_t id)
{
        bus_call_fail(call, BUS_NO_SUCH_DELIVERY, "no such delivery: %" PRIu64, id);
}

/* ---- changes ---- */

static void on_done(void *userdata, const struct outbox_change_end *end)
{
        struct bus_call *call = userdata;

        switch (-end->r) {
        case 0:
                bus_call_send(call);
                break;
        case ENOENT:
                fail_unknown(call, end->unknown);
                break;
        case ENXIO:
                bus_call_fail(call, BUS_NO_SUCH_HOOK, "the hook of delivery %" PRIu64 " is not configured",
                              end->unknown);
                break;
        default:
                bus_call_fail(call, BUS_STATE_UNAVAILABLE, "the state cannot be used: %s", end->error);
                break;
        }
}

void control_retry(struct bus_call *call)
{
        const struct control *control = bus_call_userdata(call);
        const struct bus_id_list *list = &bus_call_arguments(call)->list;

        outbox_change(control->parts->outbox, OUTBOX_RETRY, list->ids, list->count, bus_call_uid(call),
                      on_done, call);
}

void control_drop(struct bus_call *call)
{
        const struct control *control = bus_call_userdata(call);
        const struct bus_id_list *list = &bus_call_arguments(call)->list;

        outbox_change(control->parts->outbox, OUTBOX_DROP, list->ids, list->count, bus_call_uid(call),
                      on_done, call);
}

/* ---- GetDelivery ---- */

struct get_delivery {
        struct control_list base;
        uint64_t id;
        struct stored_delivery found;
        bool is_found;
};

static int get_run(struct state_operation *operation, struct store *store)
{
        struct get_delivery *get = CONTAINER_OF(operation, struct get_delivery, base.operation);

        stored_delivery_clear(&get->found);
        int r = store_get_delivery(store, get->id, &get->found);
        get->is_found = r > 0;
        return r;
}

static const char *state_of(const struct get_delivery *get)
{
        switch (get->found.state) {
        case DELIVERY_PENDING:
                return control_is_delivering(get->base.control, get->id) ? "running" : "pending";
        case DELIVERY_FAILED:
                return "failed";
        case DELIVERY_DONE:
                break;
        }
        return "done";
}

static void put_one(struct get_delivery *get)
{
        const struct stored_delivery *found = &get->found;

        bus_row_begin(get->base.call);
        bus_put_number(get->base.call, "Id", get->id);
        bus_put_text(get->base.call, "Hook", found->hook.data, found->hook.size, 0);
        bus_put_string(get->base.call, "State", state_of(get));
        bus_put_count(get->base.call, "Attempts", found->delivery.attempts);
        bus_put_text(get->base.call, "Error", found->error.data, found->error.size, 0);
        bus_row_end(get->base.call);
        bus_call_send(get->base.call);
}

static void get_done(struct state_operation *operation, int r)
{
        CLEANUP(cleanup_free)
        struct get_delivery *get = CONTAINER_OF(operation, struct get_delivery, base.operation);

        if (r < 0)
                control_fail_state(get->base.call, operation);
        else if (!get->is_found)
                fail_unknown(get->base.call, get->id);
        else
                put_one(get);
        stored_delivery_clear(&get->found);
}

static void put_test(struct bus_call *call, const struct hook_test_result *test)
{
        static const char *const states[] = {
                [HOOK_TEST_RUNNING] = "running",
                [HOOK_TEST_SUCCEEDED] = "done",
                [HOOK_TEST_FAILED] = "failed",
        };

        bus_row_begin(call);
        bus_put_number(call, "Id", test->id);
        bus_put_string(call, "Hook", test->hook);
        bus_put_string(call, "State", states[test->state]);
        bus_put_count(call, "Attempts", 1);
        bus_put_string(call, "Error", test->error);
        bus_put_number(call, "DurationUSec", test->duration_us);
        bus_put_text(call, "Output", test->output_size > 0 ? test->output : NULL, test->output_size, 0);
        bus_row_end(call);
        bus_call_send(call);
}

void control_get_delivery(struct bus_call *call)
{
        const struct control *control = bus_call_userdata(call);
        const uint64_t id = bus_call_arguments(call)->id;
        struct hook_test_result test;

        if (control->parts->outbox != NULL && outbox_find_test(control->parts->outbox, id, &test) > 0) {
                put_test(call, &test);
                return;
        }
        struct get_delivery *get = control_list_new(call, sizeof(*get), get_run, get_done);
        get->id = id;
        control_list_read(&get->base);
}
