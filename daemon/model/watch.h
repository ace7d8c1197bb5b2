/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/change.h"

/*
 * What is kept in memory of a watched job from one look to the next, and what a look makes of it. Pure:
 * `now_us` is CLOCK_BOOTTIME in microseconds, so that time spent in suspend counts.
 */
struct job_watch {
        struct job_memory memory;
        int64_t changed_us;     /* of the last recorded change; negative for before this boot */
        uint64_t held_since_us; /* an end is held back since, as its ResultData is still null; 0: none is */
        uint64_t not_found_since_us; /* of the first of `absences` */
        unsigned not_found_count;    /* 404s in a row */
        bool stalled;                /* `stalled` was raised since the last change */
};

/*
 * A job is gone when it was not found this often in a row, the first and the last time this far apart at
 * least.
 */
#define GONE_NOT_FOUND_COUNT 3
#define GONE_SPAN_US         UINT64_C(60000000)

struct watch_rules {
        const struct status_rules *status;
        uint64_t stalled_after_us; /* 0: never */
        uint64_t result_wait_us;   /* 0: an end is news at once */
};

struct observation {
        struct change change;   /* with reads_result but no news: to be kept as ResultData of the job */
        uint64_t poll_again_us; /* not 0: an end is held back; look again after this span at the latest */
};

/*
 * The job was seen. If the sight is news, it is to be recorded and then noted by watch_note_recorded(); if it
 * cannot be recorded, the same news comes again at the next look.
 */
struct observation watch_observe(struct job_watch *watch, const struct watch_rules *rules,
                                 const struct job_record *record, uint64_t now_us);

/* A single request for the job was answered 404. The change is news once the job is taken for gone. */
struct change watch_not_found(struct job_watch *watch, uint64_t now_us);

/*
 * The change is recorded. `seen` is what job_memory_of() said of the record; it counts for neither gone nor
 * stalled.
 */
void watch_note_recorded(struct job_watch *watch, const struct change *change, const struct job_memory *seen,
                         uint64_t now_us);

/* The ResultData that was unread is kept. */
void watch_note_read(struct job_watch *watch, const struct job_memory *seen);
