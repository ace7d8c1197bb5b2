/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/record.h"
#include "model/status.h"
#include "util/text.h"

/*
 * An event: something about a job that is to be recorded once and told at least once. It carries all that is
 * told, so that telling it later, or again, needs nothing but the event itself.
 */

enum event_kind {
        EVENT_SEEN,      /* observed for the first time, and open */
        EVENT_CHANGED,   /* Status or ResultData differs from what was recorded, and the job is open */
        EVENT_SUCCEEDED, /* ended well, also at first sight */
        EVENT_FAILED,    /* ended badly, also at first sight */
        EVENT_GONE,      /* the record is no longer there */
        EVENT_STALLED,   /* open and unchanged for longer than the user finds normal */
};

#define EVENT_KIND_COUNT 6

/* A UUID in its textual form of 36 characters. */
#define EVENT_ID_SIZE 37

struct event {
        char id[EVENT_ID_SIZE]; /* the same however often the event is told */
        enum event_kind kind;
        enum outcome outcome;     /* of the job after the event */
        uint64_t time_us;         /* when it was noticed, CLOCK_REALTIME */
        struct text job_name;     /* of its [job NAME] section, or null */
        struct job_record record; /* the job as it was seen */
        struct text status_before;
        struct text result_before;
        bool first_observation; /* nothing was recorded before: the _before texts mean nothing */
};

/* Frees the texts and leaves an empty event. */
void event_clear(struct event *event);

/* "seen", "changed", …: the words of JOBWATCH_EVENT and of `on =`. */
const char *event_kind_to_string(enum event_kind kind);
bool event_kind_from_string(const char *word, enum event_kind *ret_kind);

/* True for succeeded, failed and gone. */
bool event_kind_is_terminal(enum event_kind kind);

/*
 * Whether a hook that asked for the kinds in `mask` (bits 1 << kind) wants this event. `changed` takes every
 * event that carries a change, the terminal ones too.
 */
bool event_wanted(const struct event *event, unsigned mask);
