/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "planning/feed_cursor.h"
#include "util/timespan.h"

/*
 * A table of jobs that is searched by UpdatedOn, and a reader of the feed that asks a feed_cursor which page
 * is next. It notes which versions of which jobs were shown as new. Times of the table are seconds (or parts,
 * as ticks) after FEED_EPOCH.
 */

#define FEED_EPOCH      (INT64_C(1767225600) * REMOTE_TICKS_PER_SEC)
#define FEED_SECONDS(n) ((int64_t)(n)*REMOTE_TICKS_PER_SEC)

struct feed_job {
        uint64_t id;
        int64_t ticks;    /* UpdatedOn */
        uint64_t version; /* of Status and ResultData */
        uint64_t shown;   /* the last version that was shown as new; 0: none */
        unsigned times;   /* how often it was */
        bool watched;
        bool hidden; /* not in the search (yet) */
};

struct feed_table {
        struct feed_job *jobs; /* in no order */
        size_t count, capacity;
        struct feed_cursor cursor;
        uint64_t now_us;

        /* what the server does wrong */
        enum remote_time_form form;
        bool has_direction; /* `direction` alone means "newest first" */
        int direction;      /* other values: oldest first */
        bool no_status;     /* rows lack it */
        bool wrong_number;  /* CurrentPage is always 1 */
        bool no_total;      /* no TotalItems */
        bool endless;       /* there is always another page */
        bool stuck;         /* each page has the rows of the first */
        unsigned size_max;  /* larger pages fail; 0: none do */
        unsigned size_min;  /* smaller ones do */
        bool too_large;     /* because they are too large */
        unsigned failing;   /* so many pages fail once */
        void (*on_page)(struct feed_table *table, const struct feed_page_request *request); /* before each */

        /* what was read */
        unsigned pages, again;                   /* since feed_table_read_round() began */
        struct feed_page_request requests[1024]; /* of these */
        size_t page_new;                         /* new rows of the last page */
};

void feed_table_init(struct feed_table *table);
void feed_table_clear(struct feed_table *table);

/* Jobs 1 to `count`, of which each is a second newer than the one before. The last is from second `count`. */
void feed_table_setup(struct feed_table *table, unsigned count, bool watched);

/* Continues from a saved time. */
void feed_table_start_at(struct feed_table *table, int64_t ticks);

/* Adds a job; returns it until the next is added. */
struct feed_job *feed_table_add(struct feed_table *table, uint64_t id, int64_t ticks, bool watched);

/* The job, which exists. */
struct feed_job *feed_table_get(struct feed_table *table, uint64_t id);

void feed_table_remove(struct feed_table *table, uint64_t id);

/* Changes what a job shows. */
void feed_table_change(struct feed_table *table, uint64_t id, int64_t ticks);

/* Reads a page, or a round to its end. A request takes a second. */
enum feed_step feed_table_read_page(struct feed_table *table);
enum feed_step feed_table_read_round(struct feed_table *table);

/* The same after half a minute: rounds that follow each other quickly may be short. */
enum feed_step feed_table_read_full_round(struct feed_table *table);
