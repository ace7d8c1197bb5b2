/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

/*
 * Blocks the signals that the loop handles. Call it before daemon_run() and before any thread is created: a
 * signal that arrives during the start is then handled once the loop runs, and threads inherit the mask.
 */
void signals_block(void);

/* Makes an event loop with a watchdog that calls these handlers. Returns 0 or a negative errno. */
int signals_new_loop(sd_event **ret_event, sd_event_signal_handler_t on_stop,
                     sd_event_signal_handler_t on_reload, void *userdata);
