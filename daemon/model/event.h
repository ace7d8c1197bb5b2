/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/record.h"
#include "model/status.h"
#include "util/text.h"

/*
 * An event: a change of a job, or of the API as a whole, that is recorded once and published at least once.
 * It contains all that is published, so that publishing it later, or again, needs nothing else.
 */

enum event_kind {
        EVENT_SEEN,      /* observed for the first time, and open */
        EVENT_CHANGED,   /* Status or ResultData differs from what was recorded, and the job is open */
        EVENT_SUCCEEDED, /* success, also at the first observation */
        EVENT_FAILED,    /* failure, also at the first observation */
        EVENT_GONE,      /* the record was removed */
        EVENT_STALLED,   /* open and unchanged for longer than stalled_after */

        /* Of the API, and of no job: the ID is 0, and the description says what has happened. */
        EVENT_API_DOWN,    /* for 10 minutes, and not for credentials */
        EVENT_API_REFUSED, /* the credentials are */
        EVENT_API_OK,      /* well again after one of these */
};

#define EVENT_KIND_COUNT 9

/* A UUID in its textual form of 36 characters. */
#define EVENT_ID_SIZE 37

struct event {
        char id[EVENT_ID_SIZE]; /* the same for all log entries and deliveries */
        uint64_t sequence;      /* counts the events of a state from 1; 0: not recorded yet */
        enum event_kind kind;
        enum outcome outcome;     /* of the job after the event; of the API, success or failure */
        uint64_t time_us;         /* CLOCK_REALTIME of the observation */
        struct text job_name;     /* name of its [job NAME] section, or null */
        struct text discover;     /* names of the [discover NAME] sections that found it, "A,B", or null */
        struct job_record record; /* the job as observed */
        struct text status_before;
        struct text result_before;
        uint64_t result_size;        /* not 0: record.result is only the beginning of a text of this size */
        uint64_t result_before_size; /* likewise of result_before */
        bool test;                   /* made up to try a hook, and recorded nowhere */
        bool first_observation;      /* nothing was recorded before: the _before texts are meaningless */
};

/* Frees the texts and resets the event. */
void event_clear(struct event *event);

/* "seen", "changed", ...: the values of JOBWATCH_EVENT and of `on =`. */
const char *event_kind_to_string(enum event_kind kind);
bool event_kind_from_string(const char *word, enum event_kind *ret_kind);

/* True for succeeded, failed and gone. */
bool event_kind_is_terminal(enum event_kind kind);

/* True for api_down, api_refused and api_ok. */
bool event_kind_is_of_api(enum event_kind kind);

/*
 * Whether a hook for the kinds in `mask` (bits 1 << kind) is to receive this event. `changed` matches every
 * event that carries a change, including terminal ones.
 */
bool event_wanted(const struct event *event, unsigned mask);
