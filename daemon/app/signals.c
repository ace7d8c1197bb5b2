/* SPDX-License-Identifier: MIT */

/* Signals come from the loop. */

#include "app/signals.h"

#include <signal.h>
#include <stdbool.h>

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

int signals_add(sd_event *event, sd_event_signal_handler_t on_stop, sd_event_signal_handler_t on_reload,
                void *userdata)
{
        int r = add_signal(event, SIGTERM, SD_EVENT_PRIORITY_IMPORTANT, on_stop, userdata);

        if (r >= 0)
                r = add_signal(event, SIGINT, SD_EVENT_PRIORITY_IMPORTANT, on_stop, userdata);
        if (r >= 0)
                r = add_signal(event, SIGHUP, SD_EVENT_PRIORITY_NORMAL, on_reload, userdata);
        return r < 0 ? r : 0;
}
