/* SPDX-License-Identifier: MIT */
#pragma once

#include "ctl/follow.h"
#include "ctl/row.h"

/* Jobs and the time that each took, for pictures and pages. */

/* Jobs at most; of more, those that are open, and then those that changed last. */
#define CHART_JOBS_MAX 500

/* So many of them have ended, if there are as many, even if more are open. */
#define CHART_ENDED_LEAST 100

/* Values index tables. */
enum bar_kind {
        BAR_OPEN,
        BAR_SUCCEEDED,
        BAR_FAILED,
        BAR_GONE,
};

#define BAR_KINDS 4

/* A job and its time, CLOCK_REALTIME microseconds. */
struct bar {
        const struct row *job; /* of ListJobs, borrowed from the chart */
        enum bar_kind kind;
        uint64_t begin_us; /* of its first event that is known */
        uint64_t work_us;  /* when its Status first was another than of a job that waits for its turn */
        uint64_t end_us;   /* of its last event; of an open job: when the chart was made */
        bool earlier;      /* it was there before `begin_us` */
};

/* What the events of a job have said. */
struct track {
        uint64_t id, sequence; /* of the last event; 0: none */
        uint64_t begin_us, work_us, end_us;
        bool earlier;
};

/* All zeroes at the start; chart_clear() at the end. */
struct chart {
        struct bar *bars; /* the job that began last comes first */
        size_t count, left_out;
        size_t counts[BAR_KINDS];  /* of all jobs, those that are left out too */
        uint64_t begin_us, end_us; /* what it covers */

        struct rows jobs;
        struct track *tracks; /* by id, of the jobs that have bars */
        size_t track_count;
        uint64_t sequence; /* the newest event when the tracks were read */
};

/*
 * Makes it, or makes it anew, by asking the service for what has changed since. It has the jobs with these
 * IDs, NULL: all jobs that are watched. Of all, jobs that ended before `since_us` are left out. Returns
 * STEP_ON; or another step, with the chart as it was.
 */
int chart_update(struct chart *chart, struct follow *follow, const struct id_list *ids, uint64_t since_us,
                 uint64_t now_us);
void chart_clear(struct chart *chart);

/* What a job is called: its name or Description, NULL if it has neither. */
const char *job_label(const struct row *job);
