/* SPDX-License-Identifier: MIT */

/* The arguments of the methods that change something. */

#include "bus/changes.h"

#include <errno.h>
#include <stdlib.h>

#include "bus/arguments.h"
#include "bus/reply.h"
#include "util/memory.h"

#define SIZE_OF(array) (sizeof(array) / sizeof((array)[0]))

#define HOOKS_MAX 1000

struct arguments {
        uint64_t *ids;
        size_t count;
        struct bus_strings hooks;
        struct bus_add_jobs addition;
        struct bus_id_list list;
        struct bus_test_hook test;
};

static void arguments_free(void *data)
{
        struct arguments *arguments = data;

        for (char **hook = arguments->hooks.items; hook != NULL && *hook != NULL; hook++)
                free(*hook);
        free(arguments->hooks.items);
        free(arguments->ids);
        free(arguments);
}

static struct arguments *arguments_new(struct bus_call *call)
{
        call->arguments = memory_need(calloc(1, sizeof(struct arguments)));
        call->free_arguments = arguments_free;
        return call->arguments;
}

/* Job ids are as in a configuration: neither 0 nor more than 63 bits. */
static int check_ids(struct bus_call *call, const struct arguments *arguments)
{
        if (arguments->count > 0 &&
            (arguments->ids[0] == 0 || arguments->ids[arguments->count - 1] > INT64_MAX)) {
                bus_call_fail(call, BUS_INVALID_ARGUMENTS, "an ID is a number from 1 to 9223372036854775807");
                return -EINVAL;
        }
        return 0;
}

static int read_ids(struct bus_call *call, struct arguments *arguments, bool may_be_empty)
{
        struct bus_ids ids;

        int r = bus_read_ids(call, &ids);
        if (r >= 0) {
                bus_sort_ids(&ids, &arguments->ids, &arguments->count);
                r = check_ids(call, arguments);
        }
        if (r < 0 || may_be_empty || arguments->count > 0)
                return r;
        bus_call_fail(call, BUS_INVALID_ARGUMENTS, "no IDs are given");
        return -EINVAL;
}

/* ---- jobs ---- */

void bus_start_add_jobs(struct bus_call *call)
{
        const struct bus_target *target = call->userdata;
        struct arguments *arguments = arguments_new(call);
        const char *name = NULL;
        const struct bus_entry options[] = {
                { "Name", "s", &name },
                { "Hooks", "as", &arguments->hooks },
        };

        arguments->hooks.most = HOOKS_MAX;
        if (read_ids(call, arguments, false) < 0 || bus_read_entries(call, options, SIZE_OF(options)) < 0)
                return;
        if (name != NULL && arguments->count > 1) {
                bus_call_fail(call, BUS_INVALID_ARGUMENTS, "'Name' is for one job only");
                return;
        }
        arguments->addition = (struct bus_add_jobs){ .ids = arguments->ids,
                                                     .count = arguments->count,
                                                     .name = name,
                                                     .hooks = arguments->hooks.items };
        target->operations->add_jobs(target->userdata, call, &arguments->addition);
}

/* The arguments are a list of ids; NULL: the call has ended. */
static const struct bus_id_list *read_list(struct bus_call *call, bool may_be_empty)
{
        struct arguments *arguments = arguments_new(call);

        if (read_ids(call, arguments, may_be_empty) < 0)
                return NULL;
        arguments->list = (struct bus_id_list){ arguments->ids, arguments->count };
        return &arguments->list;
}

void bus_start_remove_jobs(struct bus_call *call)
{
        const struct bus_target *target = call->userdata;
        const struct bus_id_list *list = read_list(call, false);

        if (list != NULL)
                target->operations->remove_jobs(target->userdata, call, list);
}

void bus_start_poll(struct bus_call *call)
{
        const struct bus_target *target = call->userdata;
        const struct bus_id_list *list = read_list(call, true);

        if (list != NULL)
                target->operations->poll(target->userdata, call, list);
}

/* ---- deliveries ---- */

void bus_start_retry(struct bus_call *call)
{
        const struct bus_target *target = call->userdata;
        const struct bus_id_list *list = read_list(call, true);

        if (list != NULL)
                target->operations->retry(target->userdata, call, list);
}

void bus_start_drop(struct bus_call *call)
{
        const struct bus_target *target = call->userdata;
        const struct bus_id_list *list = read_list(call, false);

        if (list != NULL)
                target->operations->drop(target->userdata, call, list);
}

void bus_start_test_hook(struct bus_call *call)
{
        const struct bus_target *target = call->userdata;
        struct arguments *arguments = arguments_new(call);
        struct bus_test_hook *test = &arguments->test;
        const struct bus_entry options[] = {
                { "Event", "s", &test->event },
                { "Job", "t", &test->job },
        };

        test->event = "succeeded";
        if (bus_read_string(call, &test->hook) < 0 || bus_read_entries(call, options, SIZE_OF(options)) < 0)
                return;
        if (test->job > INT64_MAX) {
                bus_call_fail(call, BUS_INVALID_ARGUMENTS, "invalid job ID");
                return;
        }
        target->operations->test_hook(target->userdata, call, test);
}

void bus_start_get_delivery(struct bus_call *call)
{
        const struct bus_target *target = call->userdata;
        uint64_t id;

        if (bus_read_number(call, &id) >= 0)
                target->operations->get_delivery(target->userdata, call, id);
}
