/* SPDX-License-Identifier: MIT */

/*
 * Calls in progress, in the order of their arrival. A call that changes something is started once its caller
 * is known; one that reads waits for its turn:
 *
 *     taken --(begin)----------------------------------> started --(finish)--> freed
 *       '----(read)--> waiting --(its turn, in order)------^
 *
 * A turn comes when nothing else happens in the loop, fewer than READING_MAX calls that read are in progress,
 * and the connection has sent the replies before.
 */

#include "bus/calls.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory.h"
#include "util/timer.h"

#define READING_MAX 2

/* Messages that the connection may hold when a reading call starts. */
#define UNSENT_MAX 1

struct bus_calls {
        bus_operation *const *operations;
        void *userdata;                /* of them */
        struct bus_call *first, **end; /* all */
        size_t count;
        size_t waiting; /* calls that read and are not started */
        size_t reading; /* and those that are */

        sd_event_source *turn;    /* a call may be started when nothing else is to be done */
        sd_event_source *drained; /* while the connection has unsent messages: something has happened */
};

/* ---- starting ---- */

const union bus_arguments *bus_call_arguments(const struct bus_call *call)
{
        return &call->arguments;
}

void *bus_call_userdata(const struct bus_call *call)
{
        return call->userdata;
}

uint32_t bus_call_uid(const struct bus_call *call)
{
        return call->uid;
}

void bus_call_begin(struct bus_call *call)
{
        assert(!call->started);
        call->started = true;
        if (call->read == NULL || call->read(call) >= 0)
                call->operation(call); /* each may free it */
}

/* ---- turns ---- */

static struct bus_call *first_waiting(const struct bus_calls *calls)
{
        struct bus_call *call = calls->first;

        while (call != NULL && (!call->reads || call->started))
                call = call->next;
        return call;
}

static bool is_sent(const struct bus_call *call)
{
        uint64_t unsent = 0;

        (void)sd_bus_get_n_queued_write(sd_bus_message_get_bus(call->message), &unsent);
        return unsent <= UNSENT_MAX;
}

/* Whether a turn may come, and what it waits for if not. */
static void wait_for_turn(struct bus_calls *calls)
{
        bool wanted = calls->waiting > 0 && calls->reading < READING_MAX;
        bool blocked = wanted && !is_sent(first_waiting(calls));

        (void)sd_event_source_set_enabled(calls->turn, wanted && !blocked ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
        (void)sd_event_source_set_enabled(calls->drained, blocked ? SD_EVENT_ON : SD_EVENT_OFF);
}

static void on_turn(void *userdata)
{
        struct bus_calls *calls = userdata;
        struct bus_call *call = first_waiting(calls);

        if (call != NULL && calls->reading < READING_MAX && is_sent(call)) {
                calls->waiting--;
                calls->reading++;
                bus_call_begin(call);
        }
        wait_for_turn(calls);
}

static void on_drained(void *userdata)
{
        wait_for_turn(userdata);
}

/* ---- calls ---- */

int bus_calls_take(struct bus_calls *calls, sd_bus_message *message, enum bus_method method,
                   sd_bus_error *ret_error, struct bus_call **ret_call)
{
        const char *sender = sd_bus_message_get_sender(message);
        size_t of_client = 0;

        if (sender == NULL)
                return -EACCES;
        for (const struct bus_call *call = calls->first; call != NULL; call = call->next)
                if (strcmp(sd_bus_message_get_sender(call->message), sender) == 0)
                        of_client++;
        if (of_client >= BUS_CALLS_PER_CLIENT)
                return sd_bus_error_setf(ret_error, BUS_ERROR_BUSY,
                                         "%d calls of this client are in progress; wait for one of them",
                                         BUS_CALLS_PER_CLIENT);
        if (calls->count >= BUS_CALLS_MAX)
                return sd_bus_error_set(ret_error, BUS_ERROR_BUSY, "too many calls are in progress");

        struct bus_call *call = memory_need(calloc(1, sizeof(*call)));
        call->message = sd_bus_message_ref(message);
        call->operation = calls->operations[method];
        call->userdata = calls->userdata;
        call->calls = calls;
        *calls->end = call;
        calls->end = &call->next;
        calls->count++;
        *ret_call = call;
        return 1;
}

size_t bus_calls_count_asking(const struct bus_call *call)
{
        size_t count = 0;

        for (const struct bus_call *other = call->calls->first; other != NULL; other = other->next)
                count += other->asks_polkit && other->uid == call->uid;
        return count;
}

void bus_call_read(struct bus_call *call)
{
        assert(!call->started && !call->reads);
        call->reads = true;
        call->calls->waiting++;
        wait_for_turn(call->calls);
}

static void free_strings(const struct bus_strings *strings)
{
        for (char **string = strings->items; string != NULL && *string != NULL; string++)
                free(*string);
        free(strings->items);
}

void bus_call_finish(struct bus_call *call)
{
        struct bus_calls *calls = call->calls;
        struct bus_call **at = &calls->first;

        while (*at != call)
                at = &(*at)->next;
        *at = call->next;
        if (call->next == NULL)
                calls->end = at;
        calls->count--;
        if (call->reads && call->started)
                calls->reading--;
        else if (call->reads)
                calls->waiting--;

        sd_bus_slot_unref(call->question);
        sd_bus_message_unref(call->reply);
        free_strings(&call->texts);
        free_strings(&call->keys);
        free(call->ids);
        memory_free_wiping(call->secret);
        sd_bus_message_unref(call->message); /* what arguments point to */
        free(call);
        wait_for_turn(calls);
}

void bus_calls_drop(struct bus_calls *calls)
{
        for (struct bus_call *next, *call = calls->first; call != NULL; call = next) {
                next = call->next;
                if (!call->started)
                        bus_call_finish(call);
        }
}

/* ---- life ---- */

struct bus_calls *bus_calls_new(sd_event *event, bus_operation *const operations[], void *userdata)
{
        struct bus_calls *calls = memory_need(calloc(1, sizeof(*calls)));

        calls->operations = operations;
        calls->userdata = userdata;
        calls->end = &calls->first;
        calls->turn = deferred_new(event, on_turn, calls);
        (void)sd_event_source_set_priority(calls->turn, SD_EVENT_PRIORITY_IDLE);
        calls->drained = post_new(event, on_drained, calls);
        wait_for_turn(calls);
        return calls;
}

struct bus_calls *bus_calls_free(struct bus_calls *calls)
{
        if (calls == NULL)
                return NULL;
        bus_calls_drop(calls);
        assert(calls->first == NULL);
        sd_event_source_disable_unref(calls->turn);
        sd_event_source_disable_unref(calls->drained);
        free(calls);
        return NULL;
}
