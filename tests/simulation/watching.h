/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "state/store.h"

/*
 * What is watched. It changes in worlds from the seed CHANGE_SEEDS on, which have an account, too: the
 * configuration is edited, and read by a reload or at the next start; jobs are added, removed and polled at
 * run time; some runs of the daemon are with --once; and what may be forgotten is pruned from the state.
 *
 *   edits.c         the configuration file, and its reload
 *   run_time.c      jobs that are added, removed and polled at run time
 *   check_watch.c   which jobs have to be watched, and which may be
 *   check_once.c    what a run with --once has done when it ends
 */

struct sim;
struct sim_job;
struct page;

#define CHANGE_SEEDS   2000000
#define SECTIONS_MAX   3
#define ASKED_JOBS_MAX 3

/* A section [discover NAME]. 0: any. */
struct section {
        bool present;
        uint64_t business, description;
        uint64_t since_us;      /* as its first round has begun */
        uint64_t next_since_us; /* as it begins if it does so anew, which a failed one does */
        uint64_t first_made_us; /* when the first page of its first round was made; 0: not yet */
        bool complete;          /* that round was read to its end; otherwise it may begin again */
        int64_t least_created;  /* that round reads back to there */
        uint64_t stored_us;     /* the same, as an earlier run may have stored it; 0: it has not */
        uint64_t before_us;     /* the same, before it was removed */
        bool since_before;      /* that was with `since` */
};

/* What the configuration file says, beside the jobs that it lists. */
struct settings {
        bool feed;
        uint64_t interval_us, sweep_interval_us;
        struct section sections[SECTIONS_MAX];
};

/* Why a job is watched, or is not. */
struct watched {
        bool in_file;        /* the configuration file lists it; `listed`: and the daemon has read that */
        uint8_t found;       /* by these sections, as bits, which are still there */
        uint8_t maybe_found; /* these may have found it, or not */
        uint8_t hidden;      /* when these began it had been deleted: it is not among those that were there */
        bool added, removed; /* at run time, and the removal still counts */
        bool dismissed;      /* likewise, of one that was discovered */
        bool was_dismissed;  /* until it was added or listed: then it is a discovered one again, after a
                                restart */
        bool asked;          /* an addition or removal is on its way to the disk */
        bool again;          /* it had ended, and may be read once more */
        bool silent;         /* nothing may be requested of it any more */
        bool pruned;
        uint64_t until_pushed; /* what was observed before may be recorded until so many operations have ended
                                */
};

/* A poll at once that was asked for. */
struct asked_poll {
        struct sim_job *jobs[ASKED_JOBS_MAX];
        size_t count; /* that were not requested since */
        uint64_t calm_us, at_us;
};

struct changes {
        bool present;
        uint64_t next_us, gap_us;
        struct settings file;
        struct edit *reload; /* in progress; NULL: none is */
        bool stopping;
        bool has_crashed; /* some time */
        struct asked_poll poll;

        /* a run with --once */
        bool once, once_ended;
        uint64_t failures, disturbances; /* when it began */
};
