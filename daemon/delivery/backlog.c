/* SPDX-License-Identifier: MIT */

/*
 * In memory there is a list of deliveries for each job, a tree to find the job, and a heap of those jobs
 * whose first delivery may start. A job without deliveries is freed.
 *
 * Deliveries are in memory in the order of their ids. If there are more in the state (`more`), new ones are
 * not added but stay there too, and the next page is read when half of the memory is free. The first page is
 * read like all others.
 */

#include "delivery/backlog.h"

#include <search.h>
#include <stdlib.h>

#include "planning/backoff.h"
#include "platform/clock.h"
#include "util/container.h"
#include "util/id_list.h"
#include "util/memory.h"
#include "util/message.h"

/* ---- in memory ---- */

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

static struct pending_job *find_job(const struct backlog *backlog, uint64_t id)
{
        struct pending_job *const *found = tfind(&id, &backlog->jobs, id_compare);

        return found != NULL ? *found : NULL;
}

static struct pending_job *add_job(struct backlog *backlog, uint64_t id)
{
        struct pending_job *job = memory_malloc(NULL, sizeof(*job));

        *job = (struct pending_job){ .id = id, .end = &job->first };
        (void)memory_need(tsearch(job, &backlog->jobs, id_compare));
        return job;
}

static void remove_job(struct backlog *backlog, struct pending_job *job)
{
        (void)tdelete(job, &backlog->jobs, id_compare);
        queue_remove(&backlog->heads, &job->entry);
        free(job);
}

/* The first delivery of the job may start. */
static void queue_head(struct backlog *backlog, struct pending_job *job)
{
        queue_put(&backlog->heads, &job->entry, job->first->due_us);
}

/* In the order of ids, unless they wait for a retry: ids are less than any time. */
static uint64_t due_time(const struct delivery *delivery)
{
        uint64_t due_us = delivery_due(delivery->next_us, delivery->delay_us, clock_process_us());

        return due_us != 0 ? due_us : delivery->id;
}

/* Adds a delivery, due at `due_us`, behind the others of its job. */
static void add(struct backlog *backlog, const struct delivery *delivery, uint64_t due_us)
{
        struct pending_delivery *added = memory_malloc(NULL, sizeof(*added));
        struct pending_job *job = find_job(backlog, delivery->job_id);
        bool is_new = job == NULL;

        *added = (struct pending_delivery){ .delivery = *delivery, .due_us = due_us };
        if (is_new)
                job = add_job(backlog, delivery->job_id);
        *job->end = added;
        job->end = &added->next;
        backlog->count++;
        if (is_new)
                queue_head(backlog, job);
}

const struct delivery *backlog_first(const struct backlog *backlog, uint64_t *ret_due_us)
{
        struct queue_entry *entry = queue_first(&backlog->heads);

        if (entry == NULL)
                return NULL;
        *ret_due_us = entry->due_us;
        return &CONTAINER_OF(entry, struct pending_job, entry)->first->delivery;
}

/* The job of which a delivery with this id is the first one, or NULL: it may have been dropped. */
static struct pending_job *job_of(const struct backlog *backlog, const struct delivery *delivery)
{
        struct pending_job *job = find_job(backlog, delivery->job_id);

        return job != NULL && job->first->delivery.id == delivery->id ? job : NULL;
}

void backlog_begin_attempt(struct backlog *backlog, const struct delivery *delivery)
{
        struct pending_job *job = job_of(backlog, delivery);

        if (job != NULL)
                queue_remove(&backlog->heads, &job->entry);
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

void backlog_return(struct backlog *backlog, const struct delivery *delivery)
{
        struct pending_job *job = job_of(backlog, delivery);

        if (job == NULL)
                return;
        job->first->delivery = *delivery;
        job->first->due_us = due_time(delivery);
        sort_first(job);
        queue_head(backlog, job);
}

/* One that began before its hook was removed, or before it was dropped, may not be counted. */
void backlog_end(struct backlog *backlog, const struct delivery *delivery)
{
        struct pending_job *job = job_of(backlog, delivery);

        if (job == NULL)
                return;
        struct pending_delivery *ended = job->first;
        job->first = ended->next;
        free(ended);
        backlog->count--;
        if (backlog->total > 0)
                backlog->total--;
        if (job->first != NULL)
                queue_head(backlog, job);
        else
                remove_job(backlog, job);
}

static void take_older(const void *node, VISIT visit, void *userdata)
{
        const struct pending_job *job = *(struct pending_job *const *)node;
        uint64_t *oldest_us = userdata, event_us = job->first->delivery.event_us;

        if ((visit == postorder || visit == leaf) && (*oldest_us == 0 || event_us < *oldest_us))
                *oldest_us = event_us;
}

uint64_t backlog_oldest_us(const struct backlog *backlog)
{
        uint64_t oldest_us = 0;

        twalk_r(backlog->jobs, take_older, &oldest_us);
        return oldest_us;
}

/* ---- pages ---- */

/* Without a backlog it is only freed. */
struct page {
        struct state_operation operation;
        struct backlog *backlog;
        char *hook;
        uint64_t after; /* an id */
        size_t max;
        struct delivery *deliveries;
};

static void page_free(struct page *page)
{
        free(page->deliveries);
        free(page->hook);
        free(page);
}

static int page_run(struct state_operation *operation, struct store *store)
{
        const struct page *page = CONTAINER_OF(operation, struct page, operation);

        return store_pending_deliveries(store, page->hook, page->after, page->deliveries, page->max);
}

static void take_page(struct backlog *backlog, const struct page *page, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                const struct delivery *delivery = &page->deliveries[i];

                if (job_of(backlog, delivery) == NULL) /* otherwise it is held */
                        add(backlog, delivery, due_time(delivery));
                backlog->last_id = delivery->id;
        }
        if (count == page->max)
                backlog->more = true;
        if (!backlog->more) /* some that were counted may have ended or been deleted */
                backlog->total = backlog->count;
}

static void page_done(struct state_operation *operation, int r)
{
        struct page *page = CONTAINER_OF(operation, struct page, operation);
        struct backlog *backlog = page->backlog;

        if (backlog != NULL) {
                backlog->page = NULL;
                if (r < 0)
                        backlog->more = true;
                else
                        take_page(backlog, page, (size_t)r);
                backlog->on_page(backlog->userdata, r < 0 ? operation->error : NULL);
        }
        page_free(page);
}

/* Room for those that are known, and one more to notice others. */
static size_t page_size(const struct backlog *backlog)
{
        size_t held = backlog->count;
        size_t known = backlog->total > held ? backlog->total - held + 1 : 1;

        return known < BACKLOG_MEMORY_MAX - held ? known : BACKLOG_MEMORY_MAX - held;
}

void backlog_read(struct backlog *backlog)
{
        if (!backlog->more || backlog->page != NULL || backlog->count > BACKLOG_MEMORY_MAX / 2)
                return;
        struct page *page = memory_malloc(NULL, sizeof(*page));
        *page = (struct page){
                .operation = { .run = page_run, .done = page_done, .only_reads = true },
                .backlog = backlog,
                .hook = format_message("%s", backlog->hook),
                .after = backlog->last_id,
                .max = page_size(backlog),
        };
        page->deliveries = memory_malloc(NULL, page->max * sizeof(*page->deliveries));
        backlog->more = false; /* those recorded from now on may not be in the page: see backlog_add() */
        backlog->page = page;
        state_queue(backlog->state, &page->operation);
}

void backlog_begin(struct backlog *backlog, uint64_t total)
{
        backlog->total = total;
        backlog->last_id = 0;
        backlog->more = total > 0;
}

/* ---- the whole ---- */

void backlog_hold(struct backlog *backlog, const struct delivery *delivery)
{
        add(backlog, delivery, due_time(delivery));
        backlog_begin_attempt(backlog, delivery);
        if (backlog->total < backlog->count)
                backlog->total = backlog->count;
}

void backlog_add(struct backlog *backlog, const struct delivery *delivery)
{
        backlog->total++;
        if (backlog->more || backlog->page != NULL || backlog->count >= BACKLOG_MEMORY_MAX) {
                backlog->more = true;
                return;
        }
        add(backlog, delivery, clock_process_us());
        backlog->last_id = delivery->id;
}

bool backlog_is_waiting(const struct backlog *backlog)
{
        return backlog->total > 0 || backlog->count > 0 || backlog->more;
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

void backlog_clear(struct backlog *backlog)
{
        queue_clear(&backlog->heads);
        tdestroy(backlog->jobs, free_job);
        backlog->jobs = NULL;
        backlog->count = 0;
        if (backlog->page != NULL)
                backlog->page->backlog = NULL;
        backlog->page = NULL;
        backlog->more = false;
        backlog->total = 0;
}
