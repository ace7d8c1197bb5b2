/* SPDX-License-Identifier: MIT */

/*
 * A post source: it runs after each iteration of the loop in which another source was dispatched, so it takes
 * no timer, and nothing while the daemon sleeps. By itself the C library gives back only what is free at the
 * end of the heap, where there is often something that stays.
 */

#include "app/heap_trim.h"

#include <malloc.h>
#include <stdlib.h>

#include "app/parts.h"
#include "util/memory.h"
#include "util/timer.h"

/* An event takes a kilobyte until it is recorded and logged. So many are worth the search for free pages. */
#define MANY_EVENTS 256

struct heap_trim {
        sd_event_source *post;
        const struct parts *parts;
        uint64_t events; /* recorded until it was trimmed last */
        bool requested;
};

static uint64_t count_events(const struct heap_trim *trim)
{
        const uint64_t *counts = recorder_event_counts(trim->parts->recorder);
        uint64_t sum = 0;

        for (size_t kind = 0; kind < EVENT_KIND_COUNT; kind++)
                sum += counts[kind];
        return sum;
}

static void on_post(void *userdata)
{
        struct heap_trim *trim = userdata;
        const uint64_t events = count_events(trim);

        if (!trim->requested && events < trim->events + MANY_EVENTS)
                return;
        if (!state_is_idle(trim->parts->state) || !journal_is_idle(trim->parts->journal))
                return;
        trim->requested = false;
        trim->events = events;
        (void)malloc_trim(0);
}

void heap_trim_request(struct heap_trim *trim)
{
        if (trim != NULL)
                trim->requested = true;
}

struct heap_trim *heap_trim_new(const struct parts *parts)
{
        struct heap_trim *trim = memory_need(calloc(1, sizeof(*trim)));

        trim->parts = parts;
        trim->post = post_new(parts->event, on_post, trim);
        heap_trim_request(trim); /* after the start */
        return trim;
}

struct heap_trim *heap_trim_free(struct heap_trim *trim)
{
        if (trim == NULL)
                return NULL;
        sd_event_source_disable_unref(trim->post);
        free(trim);
        return NULL;
}
