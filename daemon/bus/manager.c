/* SPDX-License-Identifier: MIT */

/*
 * The methods: what a call of each needs to be permitted, how its arguments are read, and the vtable. Every
 * method has SD_BUS_VTABLE_UNPRIVILEGED, because without it sd-bus asks the bus who the caller is, and waits.
 * Who may call at all is decided by the policy of the bus, who may change something in caller.c.
 */

#include "bus/manager.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "bus/arguments.h"
#include "bus/caller.h"
#include "bus/calls.h"
#include "bus/login.h"
#include "bus/reply.h"

#define SIZE_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- arguments ---- */

#define PATTERNS_MAX 100 /* each is tried on every job */
#define KEYS_MAX     64
#define HOOKS_MAX    1000

static int read_id(struct bus_call *call)
{
        return bus_read_number(call, &call->arguments.id);
}

static int read_list_jobs(struct bus_call *call)
{
        static const char *const states[] = {
                [BUS_JOB_ANY] = "any",       [BUS_JOB_OPEN] = "open",       [BUS_JOB_ENDED] = "ended",
                [BUS_JOB_FAILED] = "failed", [BUS_JOB_FAILING] = "failing", NULL,
        };
        struct bus_list_jobs *list = &call->arguments.list_jobs;
        const char *state = states[BUS_JOB_ANY];
        struct bus_ids ids = { NULL, 0 };
        int index = 0;
        const struct bus_entry filter[] = {
                { "State", "s", &state },
                { "Ids", "at", &ids },
                { "Patterns", "as", &call->texts },
                { "Keys", "as", &call->keys },
        };

        call->texts.most = PATTERNS_MAX;
        call->keys.most = KEYS_MAX;
        int r = bus_read_entries(call, filter, SIZE_OF(filter));
        if (r >= 0)
                r = bus_find_choice(call, "State", state, states, &index);
        if (r >= 0)
                r = bus_read_number(call, &list->after);
        if (r >= 0)
                r = bus_read_limit(call, BUS_ROWS_MAX, &list->limit);
        if (r < 0)
                return r;
        bus_sort_ids(&ids, &call->ids, &list->id_count);
        list->state = (enum bus_job_state)index;
        list->ids = call->ids;
        list->patterns = call->texts.items;
        return 0;
}

static int read_list_events(struct bus_call *call)
{
        struct bus_list_events *list = &call->arguments.list_events;
        struct bus_ids jobs;

        int r = bus_read_number(call, &list->after);
        if (r >= 0)
                r = bus_read_ids(call, &jobs);
        if (r >= 0)
                r = bus_read_limit(call, BUS_ROWS_MAX, &list->limit);
        if (r < 0)
                return r;
        bus_sort_ids(&jobs, &call->ids, &list->job_count);
        list->jobs = call->ids;
        return 0;
}

static int read_list_deliveries(struct bus_call *call)
{
        static const char *const states[] = { "pending", "failed", NULL };
        struct bus_list_deliveries *list = &call->arguments.list_deliveries;
        int index;
        const struct bus_entry filter[] = {
                { "State", "s", &list->state },
                { "Job", "t", &list->job },
                { "Hook", "s", &list->hook },
        };

        int r = bus_read_entries(call, filter, SIZE_OF(filter));
        if (r >= 0 && list->state != NULL)
                r = bus_find_choice(call, "State", list->state, states, &index);
        if (r >= 0)
                r = bus_read_number(call, &list->after);
        return r < 0 ? r : bus_read_limit(call, BUS_ROWS_MAX, &list->limit);
}

static int read_recent(struct bus_call *call)
{
        struct bus_recent *recent = &call->arguments.recent;
        uint32_t limit = BUS_RECENT_DEFAULT;
        const struct bus_entry filter[] = {
                { "Limit", "u", &limit },
                { "BusinessId", "t", &recent->business },
                { "Description", "s", &recent->description },
        };

        int r = bus_read_entries(call, filter, SIZE_OF(filter));
        if (r < 0)
                return r;
        recent->limit = limit == 0 || limit > BUS_RECENT_MAX ? BUS_RECENT_MAX : limit;
        return 0;
}

/* Job ids are as in a configuration: neither 0 nor more than 63 bits. */
static int read_any_ids(struct bus_call *call)
{
        struct bus_id_list *list = &call->arguments.list;
        struct bus_ids ids;

        int r = bus_read_ids(call, &ids);
        if (r < 0)
                return r;
        bus_sort_ids(&ids, &call->ids, &list->count);
        list->ids = call->ids;
        if (list->count > 0 && (list->ids[0] == 0 || list->ids[list->count - 1] > INT64_MAX)) {
                bus_call_fail(call, BUS_INVALID_ARGUMENTS, "an ID is a number from 1 to 9223372036854775807");
                return -EINVAL;
        }
        return 0;
}

static int read_some_ids(struct bus_call *call)
{
        int r = read_any_ids(call);

        if (r < 0 || call->arguments.list.count > 0)
                return r;
        bus_call_fail(call, BUS_INVALID_ARGUMENTS, "no IDs are given");
        return -EINVAL;
}

static int read_add_jobs(struct bus_call *call)
{
        const char *name = NULL;
        const struct bus_entry options[] = {
                { "Name", "s", &name },
                { "Hooks", "as", &call->texts },
        };

        call->texts.most = HOOKS_MAX;
        int r = read_some_ids(call);
        if (r >= 0)
                r = bus_read_entries(call, options, SIZE_OF(options));
        if (r < 0)
                return r;
        const struct bus_id_list list = call->arguments.list;
        if (name != NULL && list.count > 1) {
                bus_call_fail(call, BUS_INVALID_ARGUMENTS, "'Name' is for one job only");
                return -EINVAL;
        }
        call->arguments.add_jobs = (struct bus_add_jobs){ list.ids, list.count, name, call->texts.items };
        return 0;
}

static int read_test_hook(struct bus_call *call)
{
        struct bus_test_hook *test = &call->arguments.test_hook;
        const struct bus_entry options[] = {
                { "Event", "s", &test->event },
                { "Job", "t", &test->job },
        };

        test->event = "succeeded";
        int r = bus_read_string(call, &test->hook);
        if (r >= 0)
                r = bus_read_entries(call, options, SIZE_OF(options));
        if (r < 0 || test->job <= INT64_MAX)
                return r;
        bus_call_fail(call, BUS_INVALID_ARGUMENTS, "invalid job ID");
        return -EINVAL;
}

/* ---- methods ---- */

struct method {
        const char *name;
        const char *action; /* of polkit; NULL: it only reads */
        int (*read)(struct bus_call *call);
        bool at_once; /* without waiting for others that read */
};

#define MANAGE_JOBS       "org.jobwatchd1.manage-jobs"
#define MANAGE_DELIVERIES "org.jobwatchd1.manage-deliveries"

static const struct method methods[BUS_METHOD_COUNT] = {
        [BUS_LIST_JOBS] = { .name = "ListJobs", .read = read_list_jobs },
        [BUS_GET_JOB] = { .name = "GetJob", .read = read_id },
        [BUS_LIST_EVENTS] = { .name = "ListEvents", .read = read_list_events },
        [BUS_LIST_DELIVERIES] = { .name = "ListDeliveries", .read = read_list_deliveries },
        [BUS_LIST_STATUSES] = { .name = "ListStatuses" },
        [BUS_GET_STATUS] = { .name = "GetStatus", .at_once = true }, /* also if the disk hangs */
        [BUS_METRICS] = { .name = "Metrics", .at_once = true },
        [BUS_RECENT] = { .name = "Recent", .read = read_recent, .at_once = true },
        [BUS_DIAGNOSE] = { .name = "Diagnose", .at_once = true },
        [BUS_GET_DELIVERY] = { .name = "GetDelivery", .read = read_id },
        [BUS_ADD_JOBS] = { .name = "AddJobs", .action = MANAGE_JOBS, .read = read_add_jobs },
        [BUS_REMOVE_JOBS] = { .name = "RemoveJobs", .action = MANAGE_JOBS, .read = read_some_ids },
        [BUS_POLL] = { .name = "Poll", .action = MANAGE_JOBS, .read = read_any_ids },
        [BUS_RETRY] = { .name = "Retry", .action = MANAGE_DELIVERIES, .read = read_any_ids },
        [BUS_DROP] = { .name = "Drop", .action = MANAGE_DELIVERIES, .read = read_some_ids },
        [BUS_TEST_HOOK] = { .name = "TestHook", .action = MANAGE_DELIVERIES, .read = read_test_hook },
        [BUS_HANDOVER] = { .name = "Handover", .action = "org.jobwatchd1.handover" },
        [BUS_LOGIN] = { .name = "Login", .action = "org.jobwatchd1.login", .read = bus_read_login },
};

static enum bus_method find_method(const char *name)
{
        enum bus_method method = 0;

        while (method < BUS_METHOD_COUNT && strcmp(methods[method].name, name) != 0)
                method++;
        assert(method < BUS_METHOD_COUNT); /* the vtable has no others */
        return method;
}

static int on_call(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        const enum bus_method method = find_method(sd_bus_message_get_member(message));
        struct bus_call *call = NULL;

        int r = bus_calls_take(userdata, message, method, ret_error, &call);
        if (r < 0)
                return r;
        call->read = methods[method].read;
        call->action = methods[method].action;
        if (call->action != NULL)
                bus_caller_check(call);
        else if (methods[method].at_once)
                bus_call_begin(call);
        else
                bus_call_read(call);
        return 1; /* the reply comes later */
}

/* ---- the API ---- */

#define METHOD(name, arguments, results)                                                                     \
        SD_BUS_METHOD_WITH_ARGS(name, SD_BUS_ARGS arguments, SD_BUS_RESULT results, on_call,                 \
                                SD_BUS_VTABLE_UNPRIVILEGED)

#define ACTION(name, arguments)                                                                              \
        SD_BUS_METHOD_WITH_ARGS(name, SD_BUS_ARGS arguments, SD_BUS_NO_RESULT, on_call,                      \
                                SD_BUS_VTABLE_UNPRIVILEGED)

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        METHOD("ListJobs", ("a{sv}", filter, "t", after, "u", limit), ("aa{sv}", jobs)),
        METHOD("GetJob", ("t", id), ("a{sv}", job)),
        METHOD("ListEvents", ("t", after_sequence, "at", jobs, "u", limit),
               ("t", newest, "b", gap, "aa{sv}", events)),
        METHOD("ListDeliveries", ("a{sv}", filter, "t", after, "u", limit), ("aa{sv}", deliveries)),
        METHOD("ListStatuses", (NULL), ("aa{sv}", statuses)),
        METHOD("GetStatus", (NULL), ("a{sv}", status)),
        METHOD("Metrics", (NULL), ("s", text)),
        METHOD("Recent", ("a{sv}", filter), ("aa{sv}", jobs)),
        METHOD("Diagnose", (NULL), ("aa{sv}", findings)),
        METHOD("GetDelivery", ("t", id), ("a{sv}", delivery)),
        METHOD("AddJobs", ("at", jobs, "a{sv}", options), ("aa{sv}", added)),
        ACTION("RemoveJobs", ("at", jobs)),
        ACTION("Poll", ("at", jobs)),
        ACTION("Retry", ("at", deliveries)),
        ACTION("Drop", ("at", deliveries)),
        ACTION("Handover", (NULL)),
        METHOD("TestHook", ("s", hook, "a{sv}", options), ("t", test)),
        SD_BUS_METHOD_WITH_ARGS("Login", SD_BUS_ARGS("h", credentials), SD_BUS_NO_RESULT, on_call,
                                SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_SENSITIVE),
        SD_BUS_SIGNAL_WITH_ARGS("JobEvent", SD_BUS_ARGS("t", sequence, "t", job, "s", event), 0),
        SD_BUS_VTABLE_END,
};

int bus_manager_attach(struct bus_calls *calls, sd_bus *bus, sd_bus_slot **ret_object)
{
        int r = sd_bus_add_object_vtable(bus, ret_object, MANAGER_PATH, MANAGER_INTERFACE, vtable, calls);

        return r < 0 ? r : 0;
}
