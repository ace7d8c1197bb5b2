/* SPDX-License-Identifier: MIT */

/*
 * ListDeliveries: what the state has of them; which are in progress only the outbox knows. With a filter an
 * operation reads a limited number of deliveries, of which none may match; then another one goes on from
 * there.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/control_state.h"
#include "bus/reply.h"
#include "platform/clock.h"
#include "state/lists.h"
#include "util/container.h"

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
        bool running = outbox_is_delivering(list->base.control->parts.outbox, delivery->id);

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
                     config_find_hook(*list->base.control->parts.config, text_or_empty(&listed->hook)) !=
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

void control_list_deliveries(void *userdata, struct bus_call *call,
                             const struct bus_list_deliveries *arguments)
{
        struct list_deliveries *list = control_list_new(userdata, call, sizeof(*list), run, done);

        list->arguments = arguments;
        list->after = arguments->after;
        control_list_read(&list->base);
}
