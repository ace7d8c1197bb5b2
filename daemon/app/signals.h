/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-event.h>

/*
 * Blocks the signals that the loop handles. Call it before daemon_run() and before any thread is created: a
 * signal that arrives during the start is then handled once the loop runs, and threads inherit the mask.
 */
void signals_block(void);

/*
 * Handles SIGTERM and SIGINT by `on_stop`, before all other sources, so that nothing new is started once the
 * signal has arrived, and SIGHUP by `on_reload`. Returns 0 or a negative errno.
 */
int signals_add(sd_event *event, sd_event_signal_handler_t on_stop, sd_event_signal_handler_t on_reload,
                void *userdata);
