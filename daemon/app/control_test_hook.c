/* SPDX-License-Identifier: MIT */

/* TestHook: what is recorded of the job is read from the state, and made part of the event. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/control_state.h"
#include "bus/reply.h"
#include "delivery/hook_test.h"
#include "monitor/listing.h"
#include "util/container.h"
#include "util/memory.h"
#include "util/text.h"

struct test_hook {
        struct control_list base;
        const char *hook; /* its name, borrowed from the call */
        enum event_kind kind;
        struct event event;
};

/* The record of a job, as if it had gone: its texts are those that are recorded. */
static int test_run(struct state_operation *operation, struct store *store)
{
        struct test_hook *test = CONTAINER_OF(operation, struct test_hook, base.operation);

        test->event.kind = EVENT_GONE;
        return store_fill_event(store, &test->event);
}

/* If the job is watched under a name, the event has it. */
static void name_job(struct test_hook *test)
{
        uint64_t id = test->event.record.id;
        struct watched_job job;

        if (monitor_find(test->base.control->parts->monitor, id, &job) && job.name != NULL)
                text_from(job.name, strlen(job.name), &test->event.job_name);
}

static void start(struct test_hook *test)
{
        uint64_t id = 0;

        test->event.kind = test->kind;
        name_job(test);
        test_event_complete(&test->event);
        int r = outbox_start_test(test->base.control->parts->outbox, test->hook, &test->event,
                                  bus_call_uid(test->base.call), &id);
        switch (-r) {
        case 0:
                bus_reply_number(test->base.call, id);
                bus_call_send(test->base.call);
                break;
        case ENOENT:
                bus_call_fail(test->base.call, BUS_NO_SUCH_HOOK, "no such hook: %s", test->hook);
                break;
        case EBUSY:
                bus_call_fail(test->base.call, BUS_BUSY, "%d tests of hooks are running",
                              HOOK_TESTS_RUNNING_MAX);
                break;
        case EAGAIN:
                bus_call_fail(test->base.call, BUS_BUSY,
                              "as many attempts of hook %s are in progress as its 'parallel' permits",
                              test->hook);
                break;
        default:
                bus_call_fail(test->base.call, BUS_FAILED, "cannot test the hook: %s", strerror(-r));
                break;
        }
}

static void test_free(struct test_hook *test)
{
        event_clear(&test->event);
        free(test);
}

static void test_done(struct state_operation *operation, int r)
{
        struct test_hook *test = CONTAINER_OF(operation, struct test_hook, base.operation);

        if (r < 0)
                control_fail_state(test->base.call, operation);
        else
                start(test);
        test_free(test);
}

static void fail_event(struct bus_call *call, const char *event)
{
        char words[160] = "";

        for (int kind = 0; kind < EVENT_KIND_COUNT; kind++) {
                const size_t used = strlen(words);
                (void)snprintf(words + used, sizeof(words) - used, "%s%s", kind > 0 ? ", " : "",
                               event_kind_to_string((enum event_kind)kind));
        }
        bus_call_fail(call, BUS_INVALID_ARGUMENTS, "no such event: %s; use one of %s", event, words);
}

void control_test_hook(struct bus_call *call)
{
        const struct control *control = bus_call_userdata(call);
        const struct bus_test_hook *arguments = &bus_call_arguments(call)->test_hook;
        enum event_kind kind;

        if (!event_kind_from_string(arguments->event, &kind)) {
                fail_event(call, arguments->event);
                return;
        }
        if (config_find_hook(control->parts->config, arguments->hook) == NULL) {
                control_fail_hook(control, call, arguments->hook);
                return;
        }
        struct test_hook *test = control_list_new(call, sizeof(*test), test_run, test_done);
        test->hook = arguments->hook;
        test->kind = kind;
        test->event.record.id = arguments->job;
        control_list_read(&test->base);
}
