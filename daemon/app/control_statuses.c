/* SPDX-License-Identifier: MIT */

/*
 * ListStatuses: every Status that jobs have now or that events had. All of them are read, by many
 * operations, so that events are recorded in between.
 */

#include <stdlib.h>

#include "app/control_state.h"
#include "bus/reply.h"
#include "model/status.h"
#include "state/lists.h"
#include "util/array.h"
#include "util/container.h"

/* Jobs or events that an operation reads. */
#define ROUND_MAX 5000

/* Different statuses; others are left out. */
#define STATUSES_MAX 1000

struct seen_status {
        struct text status;
        struct text_digest digest;
        uint64_t jobs, events, last_us;
};

struct list_statuses {
        struct control_list base;
        bool of_events; /* the jobs have all been read */
        bool more;      /* there are others of this kind */
        uint64_t after; /* those up to here have been read */
        struct seen_status *statuses;
        size_t count;
};

/* ---- reading ---- */

static struct seen_status *find_status(struct list_statuses *list, const struct text *status)
{
        const struct text_digest digest = text_digest(status);

        for (size_t i = 0; i < list->count; i++)
                if (text_digest_equal(list->statuses[i].digest, digest))
                        return &list->statuses[i];
        if (list->count == STATUSES_MAX)
                return NULL;

        list->statuses = array_grow(list->statuses, list->count, sizeof(*list->statuses));
        struct seen_status *seen = &list->statuses[list->count++];
        *seen = (struct seen_status){ .digest = digest };
        text_copy(status, &seen->status);
        control_cut_text(&seen->status, LIST_TEXT_MAX);
        return seen;
}

static void take_job(void *userdata, const struct text *status, uint64_t time_us)
{
        (void)time_us;
        struct seen_status *seen = find_status(userdata, status);

        if (seen != NULL)
                seen->jobs++;
}

static void take_event(void *userdata, const struct text *status, uint64_t time_us)
{
        struct seen_status *seen = find_status(userdata, status);

        if (seen == NULL)
                return;
        seen->events++;
        if (time_us > seen->last_us)
                seen->last_us = time_us;
}

/* Each row that it reads is counted and passed, so that nothing is counted twice if it is repeated. */
static int run(struct state_operation *operation, struct store *store)
{
        struct list_statuses *list = CONTAINER_OF(operation, struct list_statuses, base.operation);

        int r = list->of_events ? store_list_event_statuses(store, list->after, ROUND_MAX, &list->after,
                                                            take_event, list)
                                : store_list_job_statuses(store, list->after, ROUND_MAX, &list->after,
                                                          take_job, list);
        if (r < 0)
                return r;
        list->more = r > 0;
        return 0;
}

/* ---- the reply ---- */

static void put_status(const struct list_statuses *list, const struct seen_status *seen)
{
        const struct status_rules *rules = &list->base.control->parts->config->status;
        const struct status_meaning meaning = status_classify(rules, &seen->status, &TEXT_NULL);
        struct bus_call *call = list->base.call;

        bus_row_begin(call);
        control_put_text(call, "Status", &seen->status);
        bus_put_string(call, "Outcome", outcome_to_string(meaning.outcome));
        bus_put_flag(call, "Recognised", meaning.known);
        bus_put_number(call, "Jobs", seen->jobs);
        bus_put_number(call, "Events", seen->events);
        if (seen->last_us != 0)
                bus_put_number(call, "LastUSec", seen->last_us);
        bus_row_end(call);
}

static void list_free(struct list_statuses *list)
{
        for (size_t i = 0; i < list->count; i++)
                text_clear(&list->statuses[i].status);
        free(list->statuses);
        free(list);
}

static void done(struct state_operation *operation, int r)
{
        struct list_statuses *list = CONTAINER_OF(operation, struct list_statuses, base.operation);

        if (r < 0) {
                control_fail_state(list->base.call, operation);
                list_free(list);
                return;
        }
        if (!list->more && !list->of_events) {
                list->of_events = list->more = true;
                list->after = 0;
        }
        if (list->more) {
                control_list_read(&list->base);
                return;
        }
        bus_rows_begin(list->base.call);
        for (size_t i = 0; i < list->count; i++)
                put_status(list, &list->statuses[i]);
        bus_rows_end(list->base.call);
        bus_call_send(list->base.call);
        list_free(list);
}

void control_list_statuses(struct bus_call *call)
{
        struct list_statuses *list = control_list_new(call, sizeof(*list), run, done);

        control_list_read(&list->base);
}
