/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/change.h"

/*
 * What is kept in memory of a watched job between observations, and how an observation changes it. Pure:
 * `now_us` is CLOCK_BOOTTIME in microseconds, so that time spent in suspend counts.
 */
struct job_watch {
        struct job_memory memory;
        int64_t changed_us;     /* when the last change was recorded; negative: before this boot */
        uint64_t held_since_us; /* since when an end is held back because its ResultData is null; 0: not held
                                   back */
        uint64_t not_found_since_us; /* when the first of these responses came */
        unsigned not_found_count;    /* not-found responses in a row */
        bool stalled;                /* a `stalled` event was recorded since the last change */
};

/*
 * A job may be gone after this many not-found responses in a row, the first and the last at least this far
 * apart.
 */
#define GONE_NOT_FOUND_COUNT 3
#define GONE_SPAN_US         UINT64_C(60000000)

struct watch_rules {
        const struct status_rules *status;
        uint64_t stalled_after_us; /* 0: never */
        uint64_t result_wait_us;   /* 0: an end is not held back */
};

struct observation {
        struct change change;   /* with result_read: the ResultData has to be stored */
        uint64_t poll_again_us; /* not 0: an end is held back; poll again after this time at the latest */
};

/*
 * The job was observed. An event has to be recorded and then noted by watch_note_recorded(); if it cannot be
 * recorded, the next observation has the same event again.
 */
struct observation watch_observe(struct job_watch *watch, const struct watch_rules *rules,
                                 const struct job_record *record, uint64_t now_us);

/*
 * A single request for the job was not found. Returns true if that was so GONE_NOT_FOUND_COUNT times in a row
 * over GONE_SPAN_US at least: then other evidence decides whether the job is gone.
 */
bool watch_note_not_found(struct job_watch *watch, uint64_t now_us);

/* The change is recorded. `seen` is job_memory_of() the record; unused with gone and stalled. */
void watch_note_recorded(struct job_watch *watch, const struct change *change, const struct job_memory *seen,
                         uint64_t now_us);

/* The ResultData that was unread is stored. */
void watch_note_read(struct job_watch *watch, const struct job_memory *seen);
