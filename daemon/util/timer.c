/* SPDX-License-Identifier: MIT */

/* Sources of sd-event that are started and stopped. */

#include "util/timer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "util/memory.h"

static sd_event_source *need(int r, sd_event_source *const *made)
{
        if (r == -ENOMEM)
                memory_exhausted();
        if (r < 0) {
                (void)dprintf(STDERR_FILENO, "%s: cannot set a timer: %s\n", program_invocation_short_name,
                              strerror(-r));
                _exit(EX_SOFTWARE);
        }
        source_stop(*made);
        return *made;
}

sd_event_source *timer_new(sd_event *event, clockid_t clock, uint64_t accuracy_us,
                           sd_event_time_handler_t handler, void *userdata)
{
        sd_event_source *timer = NULL;

        return need(sd_event_add_time(event, &timer, clock, 0, accuracy_us, handler, userdata), &timer);
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

sd_event_source *deferred_new(sd_event *event, sd_event_handler_t handler, void *userdata)
{
        sd_event_source *deferred = NULL;

        return need(sd_event_add_defer(event, &deferred, handler, userdata), &deferred);
}

void deferred_start(sd_event_source *deferred)
{
        (void)sd_event_source_set_enabled(deferred, SD_EVENT_ONESHOT);
}
