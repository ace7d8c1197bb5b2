/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/status.h"
#include "planning/breaker.h"
#include "planning/feed_cursor.h"
#include "planning/planner_job.h"
#include "planning/queue.h"
#include "planning/rate_limiter.h"
#include "planning/row_trust.h"
#include "planning/throttle.h"

/*
 * The planner's data, for the files of this directory only. A job that is neither done, nor in flight, nor
 * observed and not completed yet (records.h), is in exactly one of the four queues.
 */

struct planner_limits {
        struct rate_limiter_limits rate_limiter;
        unsigned max_in_flight;        /* requests */
        unsigned batch_size;           /* ids in a request; below 2: no batches */
        size_t batch_bytes;            /* of all ids in a request with their commas */
        uint64_t shortest_interval_us; /* of all jobs: the longest interval of probes */
        bool reports_sent; /* planner_note_sent() is called for each request: spacing counts from there */
        bool once;         /* each job is polled once (and confirmed if need be), and nothing is retried */
        bool feed;         /* the feed may be used: see feed.h */
        size_t feed_jobs;  /* with more open jobs than this it is */
        bool discovers;    /* with any number, since it shows new jobs */
        uint64_t discover_interval_us; /* with `discovers`: how soon */
        uint64_t sweep_interval_us;    /* how often each job is polled by itself while the feed works */
};

/* Due before everything else, parts of batches included: see attribution.c. */
#define DUE_FIRST 1

/* So many of the newest batches and parts that were too large are remembered; see batches.c. */
#define TOO_LARGE_PARTS 64

/* So many of the newest parts of failed batches are remembered as answered in part. */
#define ANSWERED_PARTS 64

struct too_large_part {
        uint32_t part;   /* what its halves are parts of */
        uint32_t parent; /* what it is a part of itself; 0: a batch */
        unsigned size;
        unsigned halves; /* that were too large as well */
};

/* What was learned of the API. */
struct planner_api {
        struct rate_limiter rate_limiter;
        struct breaker breaker;
        struct throttle throttle;
        unsigned in_flight;
        unsigned unsent;      /* requests that were handed out and have not been sent */
        uint32_t probe_round; /* in each, every open job is probed once */

        /* Checks: see attribution.h. */
        enum failure check_wanted; /* in this class; FAILURE_NONE: none */
        bool check_in_flight;
        enum failure streak_failure; /* class of the last failed requests, with no success after them */
        unsigned streak;             /* how many of them; see attribution.c */
        uint64_t streak_since_us;    /* of the first */
        uint64_t no_checks_until_us; /* they do not work here */
        bool opened_by_check;        /* the breaker, last time */
        unsigned false_checks;       /* that opened it in a row, while a job could be read */

        /* The same of checks for gone, which take more: see attribution.c. */
        unsigned failed_gone_checks; /* in a row */
        uint64_t no_gone_checks_until_us;

        /* Batches: see batches.h. */
        uint64_t batches_from_us; /* disabled until then; 0: enabled */
        unsigned batch_size;      /* at present; at most limits.batch_size */
        unsigned failed_batches;  /* in this run */
        uint32_t batch_run;       /* the number of the present run of failed batches */
        uint32_t batch_suspect;   /* mark of the jobs that were in all failed batches of the run */
        size_t suspects;          /* jobs with that mark */
        bool suspect_was_read;    /* a job of a failed batch of this run was read individually */
        uint32_t last_part;
        uint64_t part_key;                       /* of the queue of parts; later parts come first */
        uint32_t answered_parts[ANSWERED_PARTS]; /* parts of which a batch was answered; see batches.c */
        struct too_large_part too_large[TOO_LARGE_PARTS];

        /* Rows: see rows.h. */
        enum row_results {
                ROW_RESULTS_UNKNOWN, /* so far every ResultData in rows was null, which may be true */
                ROW_RESULTS_THERE,   /* rows were seen to have ResultData: a null is a null */
                ROW_RESULTS_OMITTED, /* a single read showed ResultData that the row lacked: null says nothing
                                      */
        } row_results;
        unsigned statuses_omitted; /* single reads that showed a Status that the row lacked */

        /* The last two single reads of different jobs that succeeded. */
        uint64_t read_us[2], read_id[2];
};

/* True while batches may be used. */
static inline bool batches_enabled(const struct planner_api *api, uint64_t now_us)
{
        return api->batch_size >= 2 && api->batches_from_us <= now_us;
}

enum feed_phase {
        FEED_PHASE_OFF,
        FEED_PHASE_STARTING, /* no round is complete yet */
        FEED_PHASE_WORKING,
};

/* The feed, and what was learned of the search: see feed.h. */
struct planner_feed {
        struct feed_cursor cursor;
        enum feed_phase phase;
        bool wanted;          /* as of the last count */
        bool counted;         /* nothing that may change that has happened since */
        uint64_t counted_us;  /* when open jobs were counted last */
        uint64_t interval_us; /* from the beginning of a round to the next */
        bool resumed;         /* an earlier run is continued: until the first round begins */
        bool ended;           /* with `once`: there is no round any more */

        bool in_flight;         /* a page is */
        bool within_round;      /* between two pages of one */
        bool starved;           /* a page of it was late, since polls were behind */
        uint64_t round_us;      /* when it began */
        uint64_t page_us;       /* when the last page was requested */
        unsigned page_new;      /* rows of it that were new, or believed */
        uint64_t many_us;       /* when a page with many such rows was taken last */
        uint64_t due_us;        /* of the next page */
        uint64_t share_full_us; /* when the share of the request rate will be unused, as in rate_limiter.h */

        struct feed_page_request created; /* a page by CreatedOn */
        uint64_t created_us;              /* when it is wanted; 0: not at all */

        bool failing;              /* from the first failure until a page is answered */
        unsigned failures;         /* in a row */
        bool refused;              /* a page was, and whether that is for its role is not known yet */
        uint64_t refused_until_us; /* it is for the role: not tried before */
        bool throttled;            /* the last response was */
        uint32_t throttle_mark;

        struct row_trust trust;       /* of rows of pages */
        struct row_trust batch_trust; /* of rows of batches */
};

struct planner {
        struct planner_limits limits;
        const struct status_rules *rules;
        struct text_digest open_status; /* the last Status of a row that was open by the rules; 0: none */
        struct planner_job **jobs;      /* in no order */
        size_t job_count;
        size_t probe_position; /* the job at which the rotation of probes goes on */
        struct queue due;      /* polls of open jobs */
        struct queue gone;     /* polls of gone jobs, which nobody waits for */
        struct queue confirm;  /* before both */
        struct queue parts;    /* of failed batches, before everything else; by part_key */
        struct planner_api api;
        struct planner_feed feed;
};

/* Limits and rules as given, within what the planner can do. */
void planner_take_limits(struct planner *planner, const struct planner_limits *limits,
                         const struct status_rules *rules);

/* Puts a job into the queue it belongs to. It is in none. */
void planner_put(struct planner *planner, struct planner_job *job, uint64_t due_us);

/* Takes a job out of its queue, if it is in one. */
void planner_take_out(struct planner *planner, struct planner_job *job);

/*
 * Ends what is known of a poll: the job is polled again after this span, or is done. Not for a job that is in
 * a queue.
 */
void planner_plan(struct planner *planner, struct planner_job *job, uint64_t span_us, uint64_t now_us);

/* The same by the job's pace, which `changed` makes fast and a poll without a change slower. */
void planner_plan_by_pace(struct planner *planner, struct planner_job *job, bool changed, uint64_t now_us,
                          uint64_t random);

/* The same after a change that could not be recorded: soon, whatever the feed does. */
void planner_plan_again(struct planner *planner, struct planner_job *job, uint64_t now_us, uint64_t random);

/* How long until a job is stalled; USEC_NEVER if it cannot be, or was reported. */
uint64_t planner_stalled_in(const struct planner_job *job, uint64_t now_us);

/* The same for a gone job that was not there, as expected: it is polled again in an hour, or no more. */
void planner_plan_gone(struct planner *planner, struct planner_job *job, uint64_t now_us);
