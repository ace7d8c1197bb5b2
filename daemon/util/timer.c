/* SPDX-License-Identifier: MIT */

/* Sources of sd-event that are started and stopped. */

#include "util/timer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "util/memory.h"

/* What an event source calls; freed with it. */
struct call {
        void (*handler)(void *userdata);
        void *userdata;
};

static struct call *call_new(void (*handler)(void *userdata), void *userdata)
{
        struct call *call = memory_malloc(NULL, sizeof(*call));

        *call = (struct call){ handler, userdata };
        return call;
}

static int on_due(sd_event_source *source, void *userdata)
{
        const struct call *call = userdata;

        (void)source;
        call->handler(call->userdata);
        return 0;
}

static int on_time(sd_event_source *source, uint64_t time_us, void *userdata)
{
        (void)time_us;
        return on_due(source, userdata);
}

static sd_event_source *need(int r, sd_event_source *const *made)
{
        if (r == -ENOMEM)
                memory_exhausted();
        if (r < 0) {
                (void)dprintf(STDERR_FILENO, "%s: cannot add an event source: %s\n",
                              program_invocation_short_name, strerror(-r));
                _exit(EX_SOFTWARE);
        }
        (void)sd_event_source_set_destroy_callback(*made, free);
        source_stop(*made);
        return *made;
}

sd_event_source *timer_new(sd_event *event, clockid_t clock, uint64_t accuracy_us,
                           void (*handler)(void *userdata), void *userdata)
{
        sd_event_source *timer = NULL;

        return need(
                sd_event_add_time(event, &timer, clock, 0, accuracy_us, on_time, call_new(handler, userdata)),
                &timer);
}

void timer_start(sd_event_source *timer, uint64_t span_us)
{
        (void)sd_event_source_set_time_relative(timer, span_us);
        (void)sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

void timer_start_at(sd_event_source *timer, uint64_t time_us)
{
        (void)sd_event_source_set_time(timer, time_us);
        (void)sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

void source_stop(sd_event_source *source)
{
        if (source != NULL)
                (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

bool source_is_started(sd_event_source *source)
{
        int enabled = SD_EVENT_OFF;

        if (source != NULL)
                (void)sd_event_source_get_enabled(source, &enabled);
        return enabled != SD_EVENT_OFF;
}

sd_event_source *deferred_new(sd_event *event, void (*handler)(void *userdata), void *userdata)
{
        sd_event_source *deferred = NULL;

        return need(sd_event_add_defer(event, &deferred, on_due, call_new(handler, userdata)), &deferred);
}

void deferred_start(sd_event_source *deferred)
{
        (void)sd_event_source_set_enabled(deferred, SD_EVENT_ONESHOT);
}

sd_event_source *post_new(sd_event *event, void (*handler)(void *userdata), void *userdata)
{
        sd_event_source *post = NULL;

        need(sd_event_add_post(event, &post, on_due, call_new(handler, userdata)), &post);
        (void)sd_event_source_set_enabled(post, SD_EVENT_ON);
        return post;
}
