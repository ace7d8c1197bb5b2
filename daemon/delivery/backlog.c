/* SPDX-License-Identifier: MIT */

/*
 * Deliveries are in memory in the order of their ids. If there are more in the state (`more`), new ones are
 * not added but stay there too, and the next page is read when half of the memory is free. The first page is
 * read like all others.
 */

#include "delivery/backlog.h"

#include <stdlib.h>

#include "planning/backoff.h"
#include "platform/clock.h"
#include "util/container.h"
#include "util/memory.h"
#include "util/message.h"

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

/* In the order of ids, unless they wait for a retry: ids are less than any time. */
static uint64_t due_time(const struct delivery *delivery)
{
        uint64_t due_us = delivery_due(delivery->next_us, delivery->delay_us, clock_process_us());

        return due_us != 0 ? due_us : delivery->id;
}

static void take_page(struct backlog *backlog, const struct page *page, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                const struct delivery *delivery = &page->deliveries[i];

                if (!pending_is_first(&backlog->pending, delivery)) /* otherwise it is held */
                        pending_add(&backlog->pending, delivery, due_time(delivery));
                backlog->last_id = delivery->id;
        }
        if (count == page->max)
                backlog->more = true;
        if (!backlog->more) /* some that were counted may have ended or been deleted */
                backlog->total = backlog->pending.count;
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
        size_t held = backlog->pending.count;
        size_t known = backlog->total > held ? backlog->total - held + 1 : 1;

        return known < BACKLOG_MEMORY_MAX - held ? known : BACKLOG_MEMORY_MAX - held;
}

void backlog_read(struct backlog *backlog)
{
        if (!backlog->more || backlog->page != NULL || backlog->pending.count > BACKLOG_MEMORY_MAX / 2)
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

void backlog_hold(struct backlog *backlog, const struct delivery *delivery)
{
        pending_add(&backlog->pending, delivery, due_time(delivery));
        pending_begin(&backlog->pending, delivery);
        if (backlog->total < backlog->pending.count)
                backlog->total = backlog->pending.count;
}

void backlog_add(struct backlog *backlog, const struct delivery *delivery)
{
        backlog->total++;
        if (backlog->more || backlog->page != NULL || backlog->pending.count >= BACKLOG_MEMORY_MAX) {
                backlog->more = true;
                return;
        }
        pending_add(&backlog->pending, delivery, clock_process_us());
        backlog->last_id = delivery->id;
}

void backlog_return(struct backlog *backlog, const struct delivery *delivery)
{
        pending_return(&backlog->pending, delivery, due_time(delivery));
}

/* One that began before its hook was removed, or before it was dropped, may not be counted. */
void backlog_end(struct backlog *backlog, const struct delivery *delivery)
{
        if (pending_end(&backlog->pending, delivery) && backlog->total > 0)
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
