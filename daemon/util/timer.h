/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

/*
 * Timers, deferred and other calls of an event loop, as sources that their owner ends with
 * sd_event_source_disable_unref(). To make one takes memory and, for the first timer of a clock, a
 * descriptor: without these the process ends. The rest cannot fail.
 */

/* A timer that is not started. */
sd_event_source *timer_new(sd_event *event, clockid_t clock, uint64_t accuracy_us,
                           void (*handler)(void *userdata), void *userdata);

/* The handler is called once, after a span, or at a time of the timer's clock. */
void timer_start(sd_event_source *timer, uint64_t span_us);
void timer_start_at(sd_event_source *timer, uint64_t time_us);

/* For a source of any kind, which may be NULL. */
void source_stop(sd_event_source *source);
bool source_is_started(sd_event_source *source);

/* A call in the next iteration of the loop, which is not started. */
sd_event_source *deferred_new(sd_event *event, void (*handler)(void *userdata), void *userdata);
void deferred_start(sd_event_source *deferred);

/* A call after each iteration of the loop in which another source was dispatched. It is started. */
sd_event_source *post_new(sd_event *event, void (*handler)(void *userdata), void *userdata);
