/* SPDX-License-Identifier: MIT */

/*
 * ListEvents. With several jobs an operation reads a limited number of events, of which none may be of
 * these jobs; then another one goes on from there.
 */

#include <stdlib.h>

#include "app/control_state.h"
#include "bus/reply.h"
#include "state/lists.h"
#include "util/container.h"

struct list_events {
        struct control_list base;
        const struct bus_list_events *arguments;
        uint64_t after; /* events up to this one have been read */
        uint64_t last;  /* and with the operation in progress, up to this one */
        uint64_t newest, pruned;
        bool more;                         /* there may be others */
        size_t count;                      /* of events */
        size_t bytes;                      /* of their texts */
        struct event events[BUS_ROWS_MAX]; /* in the order of recording */
};

static void events_clear(struct list_events *list)
{
        for (size_t i = 0; i < list->count; i++)
                event_clear(&list->events[i]);
        list->count = 0;
        list->bytes = 0;
}

/* Keeps what a list shows. */
static size_t trim(struct event *event)
{
        struct job_record *record = &event->record;

        text_clear(&record->guid);
        text_clear(&record->files);
        text_clear(&record->user);
        text_clear(&record->email);
        text_clear(&record->business);
        control_cut_text(&record->status, LIST_TEXT_MAX);
        control_cut_text(&record->description, LIST_TEXT_MAX);
        control_cut_text(&event->status_before, LIST_TEXT_MAX);
        return record->status.size + record->description.size + event->status_before.size +
               record->result.size;
}

static int take_event(void *userdata, struct event *event)
{
        struct list_events *list = userdata;

        list->bytes += trim(event);
        list->events[list->count++] = *event;
        *event = (struct event){ .sequence = 0 };
        return list->bytes >= REPLY_BYTES_MAX;
}

static int run(struct state_operation *operation, struct store *store)
{
        struct list_events *list = CONTAINER_OF(operation, struct list_events, base.operation);
        const struct bus_list_events *arguments = list->arguments;

        events_clear(list);
        list->last = list->after;
        int r = store_event_range(store, &list->newest, &list->pruned);
        if (r >= 0)
                r = store_list_events(store, list->after, arguments->jobs, arguments->job_count,
                                      arguments->limit, &list->last, take_event, list);
        if (r < 0)
                return r;
        list->more = r > 0;
        return 0;
}

static void put_event(struct bus_call *call, const struct event *event)
{
        const struct job_record *record = &event->record;

        bus_row_begin(call);
        bus_put_number(call, "Sequence", event->sequence);
        bus_put_string(call, "EventId", event->id);
        bus_put_string(call, "Event", event_kind_to_string(event->kind));
        if (record->id != 0) /* it is about a job */
                bus_put_number(call, "Job", record->id);
        control_put_text(call, "Name", &event->job_name);
        control_put_sections(call, event->discover.data);
        bus_put_number(call, "TimeUSec", event->time_us);
        control_put_text(call, "Status", &record->status);
        if (!event->first_observation)
                control_put_text(call, "StatusBefore", &event->status_before);
        bus_put_string(call, "Outcome", outcome_to_string(event->outcome));
        if (record->has_result && record->result.data != NULL) {
                bus_put_text(call, "Result", record->result.data, record->result.size, 0);
                bus_put_number(call, "ResultBytes", event->result_size);
        }
        if (!event->first_observation && event->result_before_size > 0)
                bus_put_number(call, "ResultBeforeBytes", event->result_before_size);
        control_put_text(call, "Description", &record->description);
        bus_row_end(call);
}

static void list_free(struct list_events *list)
{
        events_clear(list);
        free(list);
}

static void done(struct state_operation *operation, int r)
{
        struct list_events *list = CONTAINER_OF(operation, struct list_events, base.operation);

        if (r < 0) {
                control_fail_state(list->base.call, operation);
                list_free(list);
                return;
        }
        if (list->count == 0 && list->more) {
                list->after = list->last;
                control_list_read(&list->base);
                return;
        }
        bus_reply_number(list->base.call, list->newest);
        bus_reply_flag(list->base.call, list->arguments->after < list->pruned);
        bus_rows_begin(list->base.call);
        for (size_t i = 0; i < list->count; i++)
                put_event(list->base.call, &list->events[i]);
        bus_rows_end(list->base.call);
        bus_call_send(list->base.call);
        list_free(list);
}

void control_list_events(struct bus_call *call)
{
        struct list_events *list = control_list_new(call, sizeof(*list), run, done);

        list->arguments = &bus_call_arguments(call)->list_events;
        list->after = list->arguments->after;
        control_list_read(&list->base);
}
