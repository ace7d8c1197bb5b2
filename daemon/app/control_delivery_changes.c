/* SPDX-License-Identifier: MIT */

/* Retry and Drop, and GetDelivery. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "app/control_state.h"
#include "bus/reply.h"
#include "delivery/outbox_changes.h"
#include "util/cleanup.h"
#include "util/container.h"
#include "util/memory.h"

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

void control_retry(void *userdata, struct bus_call *call, const struct bus_id_list *arguments)
{
        const struct control *control = userdata;

        outbox_retry(control->parts.outbox, arguments->ids, arguments->count, bus_call_uid(call), on_done,
                     call);
}

void control_drop(void *userdata, struct bus_call *call, const struct bus_id_list *arguments)
{
        const struct control *control = userdata;

        outbox_drop(control->parts.outbox, arguments->ids, arguments->count, bus_call_uid(call), on_done,
                    call);
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
                return outbox_is_delivering(get->base.control->parts.outbox, get->id) ? "running" : "pending";
        case DELIVERY_FAILED:
                return "failed";
        case DELIVERY_DONE:
                break;
        }
        return "done";
}

static void put_delivery(struct get_delivery *get)
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
                put_delivery(get);
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

void control_get_delivery(void *userdata, struct bus_call *call, uint64_t id)
{
        const struct control *control = userdata;
        struct hook_test_result test;

        if (outbox_find_test(control->parts.outbox, id, &test) > 0) {
                put_test(call, &test);
                return;
        }
        struct get_delivery *get = control_list_new(control, call, sizeof(*get), get_run, get_done);
        get->id = id;
        control_list_read(&get->base);
}
