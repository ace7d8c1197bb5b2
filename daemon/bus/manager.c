/* SPDX-License-Identifier: MIT */

/*
 * The methods: what a call of each needs to be permitted, how its arguments are read, and the vtable. Every
 * method has SD_BUS_VTABLE_UNPRIVILEGED, because without it sd-bus asks the bus who the caller is, and waits.
 * Who may call at all is decided by the policy of the bus, who may change something in caller.c.
 */

#include "bus/manager.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus/arguments.h"
#include "bus/caller.h"
#include "bus/calls.h"
#include "bus/changes.h"
#include "bus/login.h"
#include "bus/reply.h"
#include "util/cleanup.h"
#include "util/memory.h"

#define SIZE_OF(array) (sizeof(array) / sizeof((array)[0]))

struct bus_manager {
        struct bus_target target;
        struct bus_calls *calls;
        sd_bus *bus; /* NULL: no connection */
        sd_bus_slot *object;
};

DEFINE_CLEANUP(struct bus_manager, bus_manager_free)

/* Memory for the arguments of a call, freed by `release` with it. */
static void *new_arguments(struct bus_call *call, size_t size, void (*release)(void *arguments))
{
        call->arguments = memory_need(calloc(1, size));
        call->free_arguments = release;
        return call->arguments;
}

/* ---- ListJobs ---- */

#define PATTERNS_MAX 100 /* each is tried on every job */
#define KEYS_MAX     64

struct list_jobs {
        struct bus_list_jobs arguments;
        uint64_t *ids;
        struct bus_strings patterns, keys;
};

static void free_strings(char **strings)
{
        for (char **string = strings; string != NULL && *string != NULL; string++)
                free(*string);
        free(strings);
}

static void free_list_jobs(void *arguments)
{
        struct list_jobs *list = arguments;

        free_strings(list->patterns.items);
        free_strings(list->keys.items);
        free(list->ids);
        free(list);
}

static int read_list_jobs(struct bus_call *call, struct list_jobs *list)
{
        static const char *const states[] = {
                [BUS_JOB_ANY] = "any",       [BUS_JOB_OPEN] = "open",       [BUS_JOB_ENDED] = "ended",
                [BUS_JOB_FAILED] = "failed", [BUS_JOB_FAILING] = "failing", NULL,
        };
        const char *state = states[BUS_JOB_ANY];
        struct bus_ids ids = { NULL, 0 };
        int index = 0;
        const struct bus_entry filter[] = {
                { "State", "s", &state },
                { "Ids", "at", &ids },
                { "Patterns", "as", &list->patterns },
                { "Keys", "as", &list->keys },
        };

        list->patterns.most = PATTERNS_MAX;
        list->keys.most = KEYS_MAX;
        int r = bus_read_entries(call, filter, SIZE_OF(filter));
        if (r >= 0)
                r = bus_find_choice(call, "State", state, states, &index);
        if (r >= 0) {
                bus_sort_ids(&ids, &list->ids, &list->arguments.id_count);
                r = bus_read_number(call, &list->arguments.after);
        }
        if (r >= 0)
                r = bus_read_limit(call, BUS_ROWS_MAX, &list->arguments.limit);
        if (r < 0)
                return r;
        list->arguments.state = (enum bus_job_state)index;
        list->arguments.ids = list->ids;
        list->arguments.patterns = list->patterns.items;
        call->keys = list->keys.items;
        return 0;
}

static void start_list_jobs(struct bus_call *call)
{
        const struct bus_target *target = call->userdata;
        struct list_jobs *list = new_arguments(call, sizeof(*list), free_list_jobs);

        if (read_list_jobs(call, list) >= 0)
                target->operations->list_jobs(target->userdata, call, &list->arguments);
}

/* ---- other methods that read ---- */

static void start_get_job(struct bus_call *call)
{
        const struct bus_target *target = call->userdata;
        uint64_t job;

        if (bus_read_number(call, &job) >= 0)
                target->operations->get_job(target->userdata, call, job);
}

struct list_events {
        struct bus_list_events arguments;
        uint64_t *jobs;
};

static void free_list_events(void *arguments)
{
        struct list_events *list = arguments;

        free(list->jobs);
        free(list);
}

static void start_list_events(struct bus_call *call)
{
        const struct bus_target *target = call->userdata;
        struct list_events *list = new_arguments(call, sizeof(*list), free_list_events);
        struct bus_ids jobs;

        if (bus_read_number(call, &list->arguments.after) < 0 || bus_read_ids(call, &jobs) < 0 ||
            bus_read_limit(call, BUS_ROWS_MAX, &list->arguments.limit) < 0)
                return;
        bus_sort_ids(&jobs, &list->jobs, &list->arguments.job_count);
        list->arguments.jobs = list->jobs;
        target->operations->list_events(target->userdata, call, &list->arguments);
}

static void start_list_deliveries(struct bus_call *call)
{
        static const char *const states[] = { "pending", "failed", NULL };
        const struct bus_target *target = call->userdata;
        struct bus_list_deliveries *list = new_arguments(call, sizeof(*list), free);
        int index;

        const struct bus_entry filter[] = {
                { "State", "s", &list->state },
                { "Job", "t", &list->job },
                { "Hook", "s", &list->hook },
        };
        if (bus_read_entries(call, filter, SIZE_OF(filter)) < 0 ||
            (list->state != NULL && bus_find_choice(call, "State", list->state, states, &index) < 0) ||
            bus_read_number(call, &list->after) < 0 || bus_read_limit(call, BUS_ROWS_MAX, &list->limit) < 0)
                return;
        target->operations->list_deliveries(target->userdata, call, list);
}

static void start_list_statuses(struct bus_call *call)
{
        const struct bus_target *target = call->userdata;

        target->operations->list_statuses(target->userdata, call);
}

static void start_get_status(struct bus_call *call)
{
        const struct bus_target *target = call->userdata;

        target->operations->get_status(target->userdata, call);
}

/* ---- Recent ---- */

static void start_recent(struct bus_call *call)
{
        const struct bus_target *target = call->userdata;
        struct bus_recent *recent = new_arguments(call, sizeof(*recent), free);
        uint32_t limit = BUS_RECENT_DEFAULT;

        const struct bus_entry filter[] = {
                { "Limit", "u", &limit },
                { "BusinessId", "t", &recent->business },
                { "Description", "s", &recent->description },
        };
        if (bus_read_entries(call, filter, SIZE_OF(filter)) < 0)
                return;
        recent->limit = limit == 0 || limit > BUS_RECENT_MAX ? BUS_RECENT_MAX : limit;
        target->operations->recent(target->userdata, call, recent);
}

static void start_diagnose(struct bus_call *call)
{
        const struct bus_target *target = call->userdata;

        target->operations->diagnose(target->userdata, call);
}

static void start_metrics(struct bus_call *call)
{
        const struct bus_target *target = call->userdata;

        target->operations->metrics(target->userdata, call);
}

static void start_handover(struct bus_call *call)
{
        const struct bus_target *target = call->userdata;

        target->operations->handover(target->userdata, call);
}

/* ---- methods ---- */

struct method {
        const char *name;
        const char *action; /* of polkit; NULL: it only reads */
        void (*start)(struct bus_call *call);
        bool at_once; /* without waiting for others that read */
};

#define MANAGE_JOBS       "org.jobwatchd1.manage-jobs"
#define MANAGE_DELIVERIES "org.jobwatchd1.manage-deliveries"
#define HANDOVER          "org.jobwatchd1.handover"
#define LOGIN             "org.jobwatchd1.login"

static const struct method methods[] = {
        { .name = "ListJobs", .start = start_list_jobs },
        { .name = "GetJob", .start = start_get_job },
        { .name = "ListEvents", .start = start_list_events },
        { .name = "ListDeliveries", .start = start_list_deliveries },
        { .name = "ListStatuses", .start = start_list_statuses },
        { .name = "GetStatus", .start = start_get_status, .at_once = true }, /* also if the disk hangs */
        { .name = "Metrics", .start = start_metrics, .at_once = true },
        { .name = "Recent", .start = start_recent, .at_once = true },
        { .name = "Diagnose", .start = start_diagnose, .at_once = true },
        { .name = "GetDelivery", .start = bus_start_get_delivery },
        { .name = "AddJobs", .action = MANAGE_JOBS, .start = bus_start_add_jobs },
        { .name = "RemoveJobs", .action = MANAGE_JOBS, .start = bus_start_remove_jobs },
        { .name = "Poll", .action = MANAGE_JOBS, .start = bus_start_poll },
        { .name = "Retry", .action = MANAGE_DELIVERIES, .start = bus_start_retry },
        { .name = "Drop", .action = MANAGE_DELIVERIES, .start = bus_start_drop },
        { .name = "TestHook", .action = MANAGE_DELIVERIES, .start = bus_start_test_hook },
        { .name = "Handover", .action = HANDOVER, .start = start_handover },
        { .name = "Login", .action = LOGIN, .start = bus_start_login },
};

static const struct method *find_method(const char *name)
{
        for (size_t i = 0; i < SIZE_OF(methods); i++)
                if (strcmp(methods[i].name, name) == 0)
                        return &methods[i];
        return NULL;
}

static int on_call(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        struct bus_manager *manager = userdata;
        const struct method *method = find_method(sd_bus_message_get_member(message));
        struct bus_call *call = NULL;

        if (method == NULL) /* it is in the vtable and not in the table of methods */
                return -ENOSYS;
        int r = bus_calls_take(manager->calls, message, ret_error, &call);
        if (r < 0)
                return r;
        call->start = method->start;
        call->userdata = &manager->target;
        call->action = method->action;
        if (method->action != NULL)
                bus_caller_check(call);
        else if (method->at_once)
                bus_call_begin(call);
        else
                bus_call_read(call);
        return 1; /* the reply comes later */
}

/* ---- life ---- */

int bus_manager_new(sd_event *event, const struct bus_operations *operations, void *userdata,
                    struct bus_manager **ret_manager)
{
        CLEANUP(cleanup_bus_manager_free)
        struct bus_manager *manager = memory_need(calloc(1, sizeof(*manager)));

        manager->target = (struct bus_target){ operations, userdata };
        int r = bus_calls_new(event, &manager->calls);
        if (r < 0)
                return r;
        *ret_manager = STEAL_POINTER(manager);
        return 0;
}

struct bus_manager *bus_manager_free(struct bus_manager *manager)
{
        if (manager == NULL)
                return NULL;
        sd_bus_slot_unref(manager->object);
        bus_calls_free(manager->calls);
        free(manager);
        return NULL;
}

void bus_manager_detach(struct bus_manager *manager)
{
        manager->object = sd_bus_slot_unref(manager->object);
        manager->bus = NULL;
        bus_calls_drop(manager->calls);
}

int bus_manager_emit_event(struct bus_manager *manager, uint64_t sequence, uint64_t job, const char *event)
{
        int r = manager->bus == NULL ? 0
                                     : sd_bus_emit_signal(manager->bus, MANAGER_PATH, MANAGER_INTERFACE,
                                                          "JobEvent", "tts", sequence, job, event);

        return r < 0 ? r : 0;
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

int bus_manager_attach(struct bus_manager *manager, sd_bus *bus)
{
        int r = sd_bus_add_object_vtable(bus, &manager->object, MANAGER_PATH, MANAGER_INTERFACE, vtable,
                                         manager);
        if (r < 0)
                return r;
        manager->bus = bus;
        return 0;
}
