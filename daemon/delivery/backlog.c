/* SPDX-License-Identifier: MIT */

/*
 * Deliveries are in memory in the order of their ids. If there are more in the state (`more`), new ones are
 * not added but stay there too, and the next page is read when half of the memory is free. The first page is
 * read like all others.
 */

#include "delivery/backlog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "planning/backoff.h"
#include "platform/clock.h"
#include "util/container.h"

/* Without a backlog it is only freed. */
struct page {
        struct state_operation operation;
        struct backlog *backlog;
        char *hook;
        uint64_t after; /* an id */
        size_t max;
        struct delivery *deliveries;
};

static struct page *page_free(struct page *page)
{
        if (page != NULL) {
                free(page->deliveries);
                free(page->hook);
        }
        free(page);
        return NULL;
}

static int page_run(struct state_operation *operation, struct store *store)
{
        const struct page *page = CONTAINER_OF(operation, struct page, operation);

        return store_pending_deliveries(store, page->hook, page->after, page->deliveries, page->max);
}

/* In the order of ids, unless they wait for a retry: ids are less than any time. */
static uint64_t due_time(const struct delivery *delivery)
{
        uint64_t due_us = delivery_due(delivery->next_us, delivery->delay_us, clock_process_us());

        return due_us != 0 ? due_us : delivery->id;
}

static int take_page(struct backlog *backlog, const struct page *page, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                const struct delivery *delivery = &page->deliveries[i];

                int r = pending_add(&backlog->pending, delivery, due_time(delivery));
                if (r < 0)
                        return r;
                backlog->last_id = delivery->id;
        }
        return 0;
}

static void page_done(struct state_operation *operation, int r)
{
        struct page *page = CONTAINER_OF(operation, struct page, operation);
        struct backlog *backlog = page->backlog;

        if (backlog != NULL) {
                size_t count = r < 0 ? 0 : (size_t)r;
                const char *error = r < 0 ? operation->error : "out of memory";

                backlog->page = NULL;
                if (r >= 0)
                        r = take_page(backlog, page, count);
                if (r < 0 || count == page->max)
                        backlog->more = true;
                if (!backlog->more) /* some that were counted may have ended or been deleted */
                        backlog->total = backlog->pending.count;
                backlog->on_page(backlog->userdata, r < 0 ? error : NULL);
        }
        page_free(page);
}

/* Room for those that are known, and one more to notice others. */
static size_t page_size(const struct backlog *backlog)
{
        size_t held = backlog->pending.count;
        size_t known = backlog->total > held ? backlog->total - held + 1 : 1;

        return known < BACKLOG_MEMORY_MAX - held ? known : BACKLOG_MEMORY_MAX - held;
}

int backlog_read(struct backlog *backlog)
{
        if (!backlog->more || backlog->page != NULL || backlog->pending.count > BACKLOG_MEMORY_MAX / 2)
                return 0;
        struct page *page = calloc(1, sizeof(*page));
        if (page == NULL)
                return -ENOMEM;
        *page = (struct page){
                .operation = { .run = page_run, .done = page_done, .only_reads = true },
                .backlog = backlog,
                .hook = strdup(backlog->hook),
                .after = backlog->last_id,
                .max = page_size(backlog),
        };
        page->deliveries = reallocarray(NULL, page->max, sizeof(*page->deliveries));
        if (page->hook == NULL || page->deliveries == NULL) {
                page_free(page);
                return -ENOMEM;
        }
        backlog->more = false; /* those recorded from now on may not be in the page: see backlog_add() */
        backlog->page = page;
        state_queue(backlog->state, &page->operation);
        return 0;
}

void backlog_begin(struct backlog *backlog, uint64_t total)
{
        backlog->total = total;
        backlog->last_id = 0;
        backlog->more = total > 0;
}

/* Without memory the delivery is read later. */
void backlog_add(struct backlog *backlog, const struct delivery *delivery)
{
        backlog->total++;
        if (backlog->more || backlog->page != NULL || backlog->pending.count >= BACKLOG_MEMORY_MAX ||
            pending_add(&backlog->pending, delivery, clock_process_us()) < 0)
                backlog->more = true;
        else
                backlog->last_id = delivery->id;
}

void backlog_return(struct backlog *backlog, const struct delivery *delivery)
{
        pending_return(&backlog->pending, delivery, due_time(delivery));
}

/* One that began before its hook was removed, and ends when that is back, may not be counted. */
void backlog_end(struct backlog *backlog, const struct delivery *delivery)
{
        if (pending_end(&backlog->pending, delivery))
                backlog->total--;
}

bool backlog_is_waiting(const struct backlog *backlog)
{
        return backlog->total > 0 || backlog->pending.count > 0 || backlog->more;
}

void backlog_clear(struct backlog *backlog)
{
        pending_clear(&backlog->pending);
        if (backlog->page != NULL)
                backlog->page->backlog = NULL;
        backlog->page = NULL;
        backlog->more = false;
        backlog->total = 0;
}
