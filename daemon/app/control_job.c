/* SPDX-License-Identifier: MIT */

/* GetJob: all that is known of one job, with its whole result up to a limit. */

#include <inttypes.h>
#include <stdlib.h>

#include "app/control_rows.h"
#include "bus/reply.h"
#include "util/container.h"
#include "util/memory.h"

#define RESULT_MAX ((size_t)1024 * 1024)

struct get_job {
        struct control_list base;
        uint64_t id;
        struct job_row row;
        uint64_t pending, failed; /* deliveries */
        struct durations durations;
};

static void get_free(struct get_job *get)
{
        job_row_clear(&get->row);
        free(get);
}

static int run(struct state_operation *operation, struct store *store)
{
        struct get_job *get = CONTAINER_OF(operation, struct get_job, base.operation);

        struct listed_job job = { .has_event = false };

        listed_job_clear(&get->row.stored);
        int r = store_get_listed_job(store, get->id, RESULT_MAX, &job);
        if (r < 0)
                return r;
        get->row.is_stored = false;
        if (r > 0)
                job_row_store(&get->row, &job);
        if (r > 0 && get->row.stored.outcome == OUTCOME_OPEN)
                r = read_durations(store, &get->durations);
        return r < 0 ? r : store_count_deliveries(store, get->id, &get->pending, &get->failed);
}

/* The names of all configured hooks. */
static void put_all_hooks(struct bus_call *call, const struct config *config)
{
        char **names = memory_need(calloc(config->hook_count + 1, sizeof(*names)));

        for (size_t i = 0; i < config->hook_count; i++)
                names[i] = config->hooks[i].name;
        if (config->hook_count > 0)
                bus_put_strings(call, "Hooks", names);
        free(names);
}

/* What was not copied, of a job that is still watched. */
static void put_watched(const struct get_job *get)
{
        struct watched_job watched;

        if (!control_find_job(get->base.control, get->id, &watched))
                return;
        if (watched.hooks == NULL)
                put_all_hooks(get->base.call, get->base.control->parts->config);
        else
                bus_put_strings(get->base.call, "Hooks", watched.hooks->items);
        if (watched.interval_us != 0)
                bus_put_number(get->base.call, "IntervalUSec", watched.interval_us);
}

static void put_job(struct get_job *get)
{
        const struct job_record *record = &get->row.stored.record;

        bus_row_begin(get->base.call);
        job_row_put(get->base.control, get->base.call, &get->row, &get->durations);
        control_put_text(get->base.call, "Guid", &record->guid);
        control_put_text(get->base.call, "CreatedOn", &record->created_on);
        control_put_text(get->base.call, "UpdatedOn", &record->updated_on);
        control_put_text(get->base.call, "Files", &record->files);
        put_watched(get);
        bus_put_count(get->base.call, "Deliveries", (uint32_t)get->pending);
        bus_put_count(get->base.call, "FailedDeliveries", (uint32_t)get->failed);
        bus_row_end(get->base.call);
        bus_call_send(get->base.call);
}

static void done(struct state_operation *operation, int r)
{
        struct get_job *get = CONTAINER_OF(operation, struct get_job, base.operation);

        if (r < 0)
                control_fail_state(get->base.call, operation);
        else if (!get->row.is_watched && !get->row.is_stored)
                bus_call_fail(get->base.call, BUS_NO_SUCH_JOB, "no such job: %" PRIu64, get->id);
        else
                put_job(get);
        get_free(get);
}

void control_get_job(struct bus_call *call)
{
        struct get_job *get = control_list_new(call, sizeof(*get), run, done);
        struct watched_job watched;

        get->id = bus_call_arguments(call)->id;
        if (control_find_job(get->base.control, get->id, &watched))
                job_row_watch(&get->row, &watched);
        control_list_read(&get->base);
}
