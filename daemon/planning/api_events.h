/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/event.h"

/*
 * When the events of the API are due: each once in an outage, which may last longer than a run.
 *
 *      well ──down for 10 min──> api_down ─────┐
 *        ├────refused──────────> api_refused ──┴──well, and it stays so──> api_ok
 *
 * Pure: `now_us` is CLOCK_BOOTTIME and never 0, `wall_us` CLOCK_REALTIME, in microseconds.
 */
enum api_condition {
        API_WELL,
        API_DOWN, /* for whatever reason but the credentials */
        API_REFUSED,
};

/* What the next run must know; all 0: nothing. */
struct api_events_kept {
        uint64_t since_us;      /* since when the API is down, by the wall clock; 0: it is not */
        uint64_t down, refused; /* these events are recorded in the present outage: 0 or 1 */
};

struct api_events {
        struct api_events_kept now;
        bool refused, recovered; /* the credentials are; the outage is over */
        uint64_t kept_us;        /* from when on since_us is kept */
        uint64_t due_us;         /* of api_down; 0: the API is not down, or was not in this run */
};

#define API_EVENTS_INITIAL ((struct api_events){ .refused = false })

/* What the last response showed. */
void api_events_note(struct api_events *events, enum api_condition condition, uint64_t now_us,
                     uint64_t wall_us);

/* The outage is over: api_ok is due if it has had another event. */
void api_events_note_recovered(struct api_events *events);

/* Whether an event is to be recorded now, and which. */
bool api_events_due(const struct api_events *events, uint64_t now_us, enum event_kind *ret_kind);

/* When api_events_due() or api_events_keep() may change if nothing is noted; UINT64_MAX: not at all. */
uint64_t api_events_next(const struct api_events *events, uint64_t now_us);

/* An event that was due is recorded. */
void api_events_note_recorded(struct api_events *events, enum event_kind kind);

/*
 * What is to be kept. An outage of less than a minute is not: the network often ends before the daemon does.
 */
struct api_events_kept api_events_keep(const struct api_events *events, uint64_t now_us);

/*
 * Continues where an earlier run ended. The time between the runs counts, but api_down is not due until the
 * API has been down for a minute in this run.
 */
void api_events_resume(struct api_events *events, const struct api_events_kept *kept);
