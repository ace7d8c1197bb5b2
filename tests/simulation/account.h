/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "watching.h"

/*
 * The account that the jobs belong to, as its search shows it: all jobs, watched or not, sorted by UpdatedOn
 * and by CreatedOn. Worlds from the seed FEED_SEEDS on have one.
 *
 *   account.c       what happens in it as a whole, and the order of its rows
 *   pages.c         what the search answers
 *   draw_account.c  what one is like
 *   check_feed.c    how soon a change is noticed, and which new jobs are found
 */

struct sim;
struct sim_job;
struct slot;

#define FEED_SEEDS 1000000
#define PAGE_MAX   100 /* rows */
#define DELAYS     20000
#define DELAY_US   (100 * USEC_PER_MSEC)

/* Server times are in units of 100 ns since 1970, as theirs are. */
#define TICKS_PER_US INT64_C(10)

enum search_kind {
        SEARCH_WELL,
        SEARCH_UNSORTED,
        SEARCH_BY_ID,       /* whatever orderBy says */
        SEARCH_ASCENDING,   /* whatever dir says */
        SEARCH_SAME_PAGE,   /* whatever page says */
        SEARCH_PAGE_ONE,    /* … and says so */
        SEARCH_NO_STATUS,   /* rows do not show it */
        SEARCH_NO_UPDATED,  /* … UpdatedOn */
        SEARCH_MIXED_FORMS, /* some times have a zone, and some have none */
        SEARCH_HIDES,       /* some jobs */
        SEARCH_LAGS,        /* rows that were written in the last minutes are not there */
        SEARCH_FROZEN,      /* UpdatedOn mostly stays when a job changes */
        SEARCH_REFUSED,     /* 403: the role is missing */
        SEARCH_FAILS,       /* 500 */
        SEARCH_BROKEN_ROW,  /* a page with a certain job fails */
        SEARCH_LARGE_ROW,   /* … or is too large */
        SEARCH_KINDS,
};

/* What dir means. */
enum search_direction {
        DIRECTION_SIGN,      /* -1: newest first */
        DIRECTION_FLAG,      /* 1: newest first */
        DIRECTION_ASCENDING, /* 0: newest first */
        DIRECTION_NONE,      /* newest first, always */
        DIRECTION_KINDS,
};

enum stamp_form {
        STAMP_LOCAL, /* 2026-01-15T10:30:00.1234567 */
        STAMP_UTC,   /* … with a Z */
        STAMP_DATE,  /* "/Date(1705314600000)/" */
        STAMP_FORMS,
};

/* A row as it was written. It is dead once its job was written again, or does not exist. */
struct index_row {
        struct sim_job *job;
        int64_t ticks;
        uint32_t serial;
};

/* Rows by time, oldest first. */
struct row_index {
        struct index_row *rows;
        size_t count, room, dead;
};

/* What is requested of the search, and what it answers. */
struct page {
        bool by_created;
        int direction;
        unsigned number, size;
        struct sim_job *jobs[PAGE_MAX];
        size_t count;
        bool has_next, newest_first;
};

struct account {
        bool present;

        /* what the search is like */
        enum search_kind kind; /* for some time */
        uint64_t bad_from_us, bad_until_us;
        bool sound; /* so far nothing was wrong with it */
        enum search_direction direction;
        enum stamp_form form;
        unsigned digits; /* of a second */
        bool shows_results, shows_details, shows_totals, shows_number, low_ids_first;
        bool writes_twice;         /* in the same second, which rows do not show */
        uint64_t late_us, skew_us; /* commits come so much later than UpdatedOn says, at most; two clocks */
        struct row_index updated, created;
        size_t total; /* jobs that exist */

        /* what happens */
        uint64_t next_us, gap_us;
        uint64_t deleted_us; /* a job was deleted last */
        uint64_t since_us;   /* a section has begun last */

        /* how it is watched */
        size_t listed_count, open_count, ended_count;
        struct section sections[SECTIONS_MAX];
        bool feed; /* it is not turned off */
        uint64_t interval_us, sweep_interval_us;
        unsigned listed_permille, new_permille, alone_permille;
        uint64_t appears_us; /* of the job that was drawn last */

        /* check_feed.c */
        uint64_t calm_us, busy_until_us;
        uint64_t work_until_us; /* when what was written is requested, at the pace of the limits */
        bool stopped;           /* nothing was answered since the API, the machine or the disk was not well */
        uint64_t round_made_us, excused_us;
        uint64_t feed_made_us, feed_since_us; /* the last page by UpdatedOn, and since when there are some */
        size_t rows_written, rows_at_stop;
        unsigned needless_rounds; /* of the feed, since a job has ended or the daemon was started */
        uint64_t doubted_us; /* by its rules the feed may have been distrusted for a job, though it is correct
                              */
        uint64_t delays[DELAYS];             /* of reports, in steps of DELAY_US; the last: and longer */
        uint64_t missed_us, missed_again_us; /* a sweep found a change that the search hides; and another */
};
