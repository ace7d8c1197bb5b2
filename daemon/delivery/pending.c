/* SPDX-License-Identifier: MIT */

/*
 * A list of deliveries for each job, a tree to find the job, and a heap of those jobs whose first delivery
 * may start. A job without deliveries is freed.
 */

#include "delivery/pending.h"

#include <search.h>
#include <stdlib.h>

#include "util/container.h"
#include "util/id_list.h"
#include "util/memory.h"

struct pending_delivery {
        struct delivery delivery;
        uint64_t due_us;
        struct pending_delivery *next;
};

struct pending_job {
        uint64_t id;              /* the key: must be the first member */
        struct queue_entry entry; /* not queued: the first delivery is in progress */
        struct pending_delivery *first, **end;
};

static struct pending_job *find_job(const struct pending *pending, uint64_t id)
{
        struct pending_job *const *found = tfind(&id, &pending->jobs, id_compare);

        return found != NULL ? *found : NULL;
}

static struct pending_job *add_job(struct pending *pending, uint64_t id)
{
        struct pending_job *job = memory_malloc(NULL, sizeof(*job));

        *job = (struct pending_job){ .id = id, .end = &job->first };
        (void)memory_need(tsearch(job, &pending->jobs, id_compare));
        return job;
}

static void remove_job(struct pending *pending, struct pending_job *job)
{
        (void)tdelete(job, &pending->jobs, id_compare);
        queue_remove(&pending->heads, &job->entry);
        free(job);
}

/* The first delivery of the job may start. */
static void queue_head(struct pending *pending, struct pending_job *job)
{
        queue_put(&pending->heads, &job->entry, job->first->due_us);
}

void pending_add(struct pending *pending, const struct delivery *delivery, uint64_t due_us)
{
        struct pending_delivery *added = memory_malloc(NULL, sizeof(*added));
        struct pending_job *job = find_job(pending, delivery->job_id);
        bool is_new = job == NULL;

        *added = (struct pending_delivery){ .delivery = *delivery, .due_us = due_us };
        if (is_new)
                job = add_job(pending, delivery->job_id);
        *job->end = added;
        job->end = &added->next;
        pending->count++;
        if (is_new)
                queue_head(pending, job);
}

const struct delivery *pending_first(const struct pending *pending, uint64_t *ret_due_us)
{
        struct queue_entry *entry = queue_first(&pending->heads);

        if (entry == NULL)
                return NULL;
        *ret_due_us = entry->due_us;
        return &CONTAINER_OF(entry, struct pending_job, entry)->first->delivery;
}

/* The job of which `delivery` is the first one, or NULL. */
static struct pending_job *job_of(const struct pending *pending, const struct delivery *delivery)
{
        struct pending_job *job = find_job(pending, delivery->job_id);

        return job != NULL && job->first->delivery.id == delivery->id ? job : NULL;
}

void pending_begin(struct pending *pending, const struct delivery *delivery)
{
        struct pending_job *job = job_of(pending, delivery);

        if (job != NULL)
                queue_remove(&pending->heads, &job->entry);
}

/* Older ones, which had failed before and are made again, go ahead of the first. */
static void sort_first(struct pending_job *job)
{
        struct pending_delivery *first = job->first, **place = &first->next;

        while (*place != NULL && (*place)->delivery.id < first->delivery.id)
                place = &(*place)->next;
        if (place == &first->next)
                return;
        job->first = first->next;
        first->next = *place;
        *place = first;
        if (first->next == NULL)
                job->end = &first->next;
}

void pending_return(struct pending *pending, const struct delivery *delivery, uint64_t due_us)
{
        struct pending_job *job = job_of(pending, delivery);

        if (job == NULL)
                return;
        job->first->delivery = *delivery;
        job->first->due_us = due_us;
        sort_first(job);
        queue_head(pending, job);
}

bool pending_end(struct pending *pending, const struct delivery *delivery)
{
        struct pending_job *job = job_of(pending, delivery);

        if (job == NULL)
                return false;
        struct pending_delivery *ended = job->first;
        job->first = ended->next;
        free(ended);
        pending->count--;
        if (job->first != NULL)
                queue_head(pending, job);
        else
                remove_job(pending, job);
        return true;
}

bool pending_is_first(const struct pending *pending, const struct delivery *delivery)
{
        return job_of(pending, delivery) != NULL;
}

static void take_older(const void *node, VISIT visit, void *userdata)
{
        const struct pending_job *job = *(struct pending_job *const *)node;
        uint64_t *oldest_us = userdata, event_us = job->first->delivery.event_us;

        if ((visit == postorder || visit == leaf) && (*oldest_us == 0 || event_us < *oldest_us))
                *oldest_us = event_us;
}

uint64_t pending_oldest_us(const struct pending *pending)
{
        uint64_t oldest_us = 0;

        twalk_r(pending->jobs, take_older, &oldest_us);
        return oldest_us;
}

static void free_job(void *data)
{
        struct pending_job *job = data;

        for (struct pending_delivery *next, *delivery = job->first; delivery != NULL; delivery = next) {
                next = delivery->next;
                free(delivery);
        }
        free(job);
}

void pending_clear(struct pending *pending)
{
        queue_clear(&pending->heads);
        tdestroy(pending->jobs, free_job);
        *pending = PENDING_EMPTY;
}
