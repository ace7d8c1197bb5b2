/* SPDX-License-Identifier: MIT */

/* The signals of the process, and the event loop that gets them. */

#include "app/signals.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

static int add_signal(sd_event *event, int number, int64_t priority, sd_event_signal_handler_t handler,
                      void *userdata)
{
        sd_event_source *source = NULL;

        int r = sd_event_add_signal(event, &source, number, handler, userdata);
        if (r >= 0)
                r = sd_event_source_set_priority(source, priority);
        if (r >= 0)
                r = sd_event_source_set_floating(source, true);
        sd_event_source_unref(source);
        return r;
}

void signals_block(void)
{
        sigset_t signals;

        (void)sigemptyset(&signals);
        (void)sigaddset(&signals, SIGTERM);
        (void)sigaddset(&signals, SIGINT);
        (void)sigaddset(&signals, SIGHUP);
        (void)sigaddset(&signals, SIGCHLD);
        (void)sigprocmask(SIG_BLOCK, &signals, NULL);
        (void)signal(SIGPIPE, SIG_IGN);
}

int signals_new_loop(sd_event **ret_event, sd_event_signal_handler_t on_stop,
                     sd_event_signal_handler_t on_reload, void *userdata)
{
        sd_event *event = NULL;

        int r = sd_event_new(&event);
        if (r < 0)
                return r;
        /* A stop goes before all other sources, so that nothing new is started once it was asked for. */
        r = add_signal(event, SIGTERM, SD_EVENT_PRIORITY_IMPORTANT, on_stop, userdata);
        if (r >= 0)
                r = add_signal(event, SIGINT, SD_EVENT_PRIORITY_IMPORTANT, on_stop, userdata);
        if (r >= 0)
                r = add_signal(event, SIGHUP, SD_EVENT_PRIORITY_NORMAL, on_reload, userdata);
        if (r >= 0)
                r = sd_event_set_watchdog(event, true);
        if (r < 0) {
                sd_event_unref(event);
                return r;
        }
        *ret_event = event;
        return 0;
}
