/* SPDX-License-Identifier: MIT */

/*
 * Calls of the D-Bus API with arbitrary bodies: the first byte selects the method, the rest are its arguments
 * as they come from the bus. Operations get only what they may get, and every call is completed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bus/caller.h"
#include "bus/manager.h"
#include "bus/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void __wrap_bus_caller_check(struct bus_call *call);

/* Everybody may change something. */
void __wrap_bus_caller_check(struct bus_call *call)
{
        bus_call_begin(call);
}

#define BODY_MAX 65536

static void check(bool condition)
{
        if (!condition)
                abort();
}

/* ---- the operations ---- */

static void complete_list(struct bus_call *call)
{
        bus_rows_begin(call);
        bus_rows_end(call);
        bus_call_send(call);
}

static void check_ids(const uint64_t *ids, size_t count)
{
        check(count <= BUS_ROWS_MAX);
        check((ids == NULL) == (count == 0));
        for (size_t i = 1; i < count; i++)
                check(ids[i - 1] < ids[i]);
}

static void list_jobs(struct bus_call *call)
{
        const struct bus_list_jobs *arguments = &bus_call_arguments(call)->list_jobs;

        check(arguments->limit >= 1 && arguments->limit <= BUS_ROWS_MAX);
        check((unsigned)arguments->state <= BUS_JOB_FAILING);
        check_ids(arguments->ids, arguments->id_count);
        for (char *const *pattern = arguments->patterns; pattern != NULL && *pattern != NULL; pattern++)
                check(strlen(*pattern) <= 256 && pattern - arguments->patterns < 100);
        complete_list(call);
}

static void get_job(struct bus_call *call)
{
        bus_call_fail(call, BUS_NO_SUCH_JOB, "job %llu", (unsigned long long)bus_call_arguments(call)->id);
}

static void list_events(struct bus_call *call)
{
        const struct bus_list_events *arguments = &bus_call_arguments(call)->list_events;

        check(arguments->limit >= 1 && arguments->limit <= BUS_ROWS_MAX);
        check_ids(arguments->jobs, arguments->job_count);
        bus_reply_number(call, 0);
        bus_reply_flag(call, false);
        complete_list(call);
}

static void list_deliveries(struct bus_call *call)
{
        const struct bus_list_deliveries *arguments = &bus_call_arguments(call)->list_deliveries;

        check(arguments->limit >= 1 && arguments->limit <= BUS_ROWS_MAX);
        check(arguments->state == NULL || strcmp(arguments->state, "pending") == 0 ||
              strcmp(arguments->state, "failed") == 0);
        check(arguments->hook == NULL || strlen(arguments->hook) < BODY_MAX);
        complete_list(call);
}

static void get_delivery(struct bus_call *call)
{
        bus_call_fail(call, BUS_NO_SUCH_DELIVERY, "delivery %llu",
                      (unsigned long long)bus_call_arguments(call)->id);
}

static void check_changed(const uint64_t *ids, size_t count)
{
        check_ids(ids, count);
        check(count == 0 || (ids[0] > 0 && ids[count - 1] <= INT64_MAX));
}

static void add_jobs(struct bus_call *call)
{
        const struct bus_add_jobs *arguments = &bus_call_arguments(call)->add_jobs;

        check_changed(arguments->ids, arguments->count);
        check(arguments->count > 0 && (arguments->name == NULL || arguments->count == 1));
        check(arguments->name == NULL || strlen(arguments->name) < BODY_MAX);
        for (char *const *hook = arguments->hooks; hook != NULL && *hook != NULL; hook++)
                check(strlen(*hook) < BODY_MAX);
        complete_list(call);
}

static void change_some(struct bus_call *call)
{
        const struct bus_id_list *arguments = &bus_call_arguments(call)->list;

        check(arguments->count > 0);
        check_changed(arguments->ids, arguments->count);
        bus_call_send(call);
}

static void change_any(struct bus_call *call)
{
        const struct bus_id_list *arguments = &bus_call_arguments(call)->list;

        check_changed(arguments->ids, arguments->count);
        bus_call_send(call);
}

static void test_hook(struct bus_call *call)
{
        const struct bus_test_hook *arguments = &bus_call_arguments(call)->test_hook;

        check(strlen(arguments->hook) < BODY_MAX && strlen(arguments->event) < BODY_MAX);
        check(arguments->job <= INT64_MAX);
        bus_reply_number(call, 1);
        bus_call_send(call);
}

static bus_operation *const operations[BUS_METHOD_COUNT] = {
        [BUS_LIST_JOBS] = list_jobs,       [BUS_GET_JOB] = get_job,
        [BUS_LIST_EVENTS] = list_events,   [BUS_LIST_DELIVERIES] = list_deliveries,
        [BUS_GET_DELIVERY] = get_delivery, [BUS_ADD_JOBS] = add_jobs,
        [BUS_REMOVE_JOBS] = change_some,   [BUS_POLL] = change_any,
        [BUS_RETRY] = change_any,          [BUS_DROP] = change_some,
        [BUS_TEST_HOOK] = test_hook,
};

/* ---- the connection: a socket, whose other end writes messages as a bus would ---- */

static sd_event *event;
static struct bus_calls *calls;
static sd_bus_slot *object;
static sd_bus *server;
static int client = -1;
static uint32_t serial;

static void disconnect(void)
{
        object = sd_bus_slot_unref(object);
        bus_calls_drop(calls);
        server = sd_bus_close_unref(server);
        (void)close(client);
        client = -1;
}

static void run(void)
{
        char replies[4096];

        while (sd_event_run(event, 0) > 0)
                ;
        while (recv(client, replies, sizeof(replies), MSG_DONTWAIT) > 0)
                ;
}

static void connect_client(void)
{
        static const char greeting[] = "\0AUTH ANONYMOUS\r\nDATA\r\nBEGIN\r\n";
        sd_id128_t id = SD_ID128_MAKE(01, 02, 03, 04, 05, 06, 07, 08, 09, 0a, 0b, 0c, 0d, 0e, 0f, 10);
        int ends[2];

        check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
        client = ends[1];
        check(sd_bus_new(&server) >= 0 && sd_bus_set_fd(server, ends[0], ends[0]) >= 0 &&
              sd_bus_set_server(server, 1, id) >= 0 && sd_bus_set_anonymous(server, 1) >= 0 &&
              sd_bus_start(server) >= 0 && sd_bus_attach_event(server, event, 0) >= 0);
        check(bus_manager_attach(calls, server, &object) >= 0);
        check(write(client, greeting, sizeof(greeting) - 1) == sizeof(greeting) - 1);
        run();
}

struct message {
        uint8_t data[512];
        size_t size;
};

static void append(struct message *message, const void *data, size_t size)
{
        check(message->size + size <= sizeof(message->data));
        memcpy(message->data + message->size, data, size);
        message->size += size;
}

static void pad(struct message *message, size_t alignment)
{
        while (message->size % alignment != 0)
                append(message, "", 1);
}

static void append_field(struct message *message, uint8_t code, char type, const char *value)
{
        uint32_t length = (uint32_t)strlen(value);
        const char head[] = { (char)code, 1, type, 0 };

        pad(message, 8);
        append(message, head, sizeof(head));
        if (type == 'g')
                append(message, &length, 1);
        else
                append(message, &length, sizeof(length));
        append(message, value, length + 1);
}

static void send_call(const char *member, const char *signature, const uint8_t *body, size_t size)
{
        const uint32_t numbers[] = { (uint32_t)size, ++serial, 0 };
        struct message header = { .size = 0 };

        append(&header, (const char[]){ 'l', 1, 0, 1 }, 4);
        append(&header, numbers, sizeof(numbers));
        append_field(&header, 1, 'o', MANAGER_PATH);
        append_field(&header, 2, 's', MANAGER_INTERFACE);
        append_field(&header, 3, 's', member);
        append_field(&header, 7, 's', ":1.1");
        append_field(&header, 8, 'g', signature);
        uint32_t fields = (uint32_t)(header.size - 16);
        memcpy(header.data + 12, &fields, sizeof(fields));
        pad(&header, 8);
        check(write(client, header.data, header.size) == (ssize_t)header.size);
        check(size == 0 || write(client, body, size) == (ssize_t)size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct {
                const char *member, *signature;
        } methods[] = {
                { "ListJobs", "a{sv}tu" }, { "GetJob", "t" },
                { "ListEvents", "tatu" },  { "ListDeliveries", "a{sv}tu" },
                { "GetDelivery", "t" },    { "AddJobs", "ata{sv}" },
                { "RemoveJobs", "at" },    { "Poll", "at" },
                { "Retry", "at" },         { "Drop", "at" },
                { "TestHook", "sa{sv}" },
        };

        if (size == 0 || size > BODY_MAX)
                return 0;
        if (event == NULL) {
                check(sd_event_new(&event) >= 0);
                calls = bus_calls_new(event, operations, NULL);
        }
        if (client < 0)
                connect_client();
        size_t method = data[0] % (sizeof(methods) / sizeof(methods[0]));
        send_call(methods[method].member, methods[method].signature, data + 1, size - 1);
        run();
        if (sd_bus_is_open(server) <= 0) /* it was no message */
                disconnect();
        return 0;
}
