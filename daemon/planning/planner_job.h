/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/failure.h"
#include "model/watch.h"
#include "planning/feed_page.h"
#include "planning/queue.h"

/*
 * What the planner knows of one job, and what a request is made of. It is part of the caller's job. Times are
 * CLOCK_BOOTTIME in microseconds.
 */

/* How one job is polled. */
struct planner_settings {
        uint64_t interval_us;
        uint64_t max_interval_us;
        uint64_t stalled_after_us;
        uint64_t result_wait_us;
};

struct planner_job {
        struct queue_entry entry; /* must be first: queues hand it back */
        uint64_t id;
        struct planner_settings settings;
        struct job_watch watch;
        uint64_t pace_us;          /* from the last poll to the next; 0: not polled yet */
        uint64_t polled_us;        /* of the last single request; 0: a row cannot be trusted before another */
        uint64_t observed_us;      /* when a record of it was taken last */
        uint64_t updated;          /* updated_on_digest() last seen */
        uint64_t charged_us;       /* of the last failure that was charged to the job */
        uint64_t failing_since_us; /* of the first of those in a row; unless failures is 0 */
        uint64_t row_digest;       /* of the last row that showed something new, see feed_rows.h */
        int64_t row_ticks;         /* its UpdatedOn, see model/remote_time.h; 0: none */
        uint32_t index;            /* in the planner's list of jobs */
        uint32_t part;             /* of a failed batch, while that is being split: its number; 0: none */
        uint32_t throttle_mark;    /* see throttle.h */
        uint32_t probe_round;      /* of probes it was last part of */
        uint32_t batch_run;        /* of failed batches it was last in, see batches.h */
        uint32_t batch_suspect;    /* it was in each failed batch of that run up to this one */
        unsigned char part_limit;  /* ids in the next request for that part */
        unsigned char failures;    /* charged in a row */
        unsigned char single_left; /* single reads in a row until it may be in a batch again */
        unsigned char
                fruitless_confirms; /* confirmations in a row for UpdatedOn alone that showed no change */
        enum failure failure : 8;   /* the last one, while `failing` */
        bool failing : 1;           /* from its first failure until a request for it succeeds */
        bool others_read : 1;       /* gone_check: another was read since the 404 before the last */
        bool throttled : 1;         /* the last response for it was throttled */
        bool token_renewed : 1;     /* because it was refused, and it was not answered since */
        bool in_flight : 1;         /* part of a request that polls it */
        bool confirm : 1;           /* to be confirmed: read individually, before others are polled */
        bool gone_check : 1;        /* to be confirmed by a batch of this id alone: is it gone? */
        bool updated_on_moved : 1;  /* confirm: because of its UpdatedOn alone */
        bool result_missing : 1;    /* confirm: because its row had no ResultData */
        bool status_missing : 1;    /* confirm: because its row had no Status */
        bool row_shown : 1;         /* what that row showed was not read yet, or is not recorded */
        bool row_by_feed : 1;       /* it was on a page of the feed, and not in a batch */
        bool row_on_page : 1;       /* it was on a page of the feed, be it after it was in a batch */
        bool row_waits : 1;   /* it came while the job was being read, or was to be by a part: to be confirmed
                                 after that */
        bool read_again : 1;  /* after the confirmation, since UpdatedOn has whole seconds */
        bool sampled : 1;     /* its row is believed, and to be confirmed after that all the same */
        bool end_sampled : 1; /* confirm: its end was believed, which that row showed */
        bool unwatched : 1;   /* for some time before this run: changes of it may have passed unseen */
        bool covered : 1;     /* the feed shows any later change: see feed.c */
        bool read : 1;        /* covered, and read since the feed is on */
        bool spread : 1;      /* polled in sweeps */
        bool removed : 1;     /* by planner_remove_job() */
        bool done : 1;        /* not polled any more: it has ended, or had its one poll */
};

#define PLANNER_BATCH_MAX 100

enum request_kind {
        REQUEST_SINGLE,
        REQUEST_BATCH,
        REQUEST_CHECK,      /* a batch of one id: does the API work at all? It does not poll the job. */
        REQUEST_GONE_CHECK, /* a batch of one id: does the record exist? */
        REQUEST_PAGE,       /* of the search: of no job */
        REQUEST_SEARCH,     /* likewise, for a client */
        REQUEST_DIAGNOSIS,  /* any of these, for a client: of no job */
        REQUEST_SIGN_IN,    /* of no job */
};

/* What a page of the search is ordered by, always the newest first. */
enum page_order {
        PAGE_BY_UPDATED_ON, /* the feed */
        PAGE_BY_CREATED_ON, /* new jobs, where the feed cannot show them */
};

struct planner_request {
        enum request_kind kind;
        bool probe;                    /* of the circuit breaker: also of other kinds than REQUEST_CHECK */
        uint32_t part;                 /* of a failed batch; 0: none */
        uint64_t due_us;               /* of a probe: when its job would be polled anyway */
        enum page_order order;         /* of REQUEST_PAGE */
        struct feed_page_request page; /* likewise */
        size_t count;
        struct planner_job *jobs[PLANNER_BATCH_MAX];
};

/* How a request failed. */
struct planner_failure {
        enum failure failure;    /* not FAILURE_NONE */
        bool too_large;          /* FAILURE_UNEXPECTED: the response exceeded max_response */
        uint64_t retry_after_us; /* 0: none */
};

/* Whose failure it is. */
enum attribution {
        ATTRIBUTED_TO_API,  /* the breaker is open, or all requests pause: no job is concerned */
        ATTRIBUTED_TO_JOB,  /* of a single request: charged; see job->failures */
        ATTRIBUTED_TO_NONE, /* not yet: a batch is split, or a check says nothing */
        ATTRIBUTED_AS_GONE, /* of a single request: charged, and all evidence says that the record is gone */
};

/* planner_end_request() was called. Not known of a check request, whose jobs may be in flight by another. */
static inline bool planner_request_has_ended(const struct planner_request *request)
{
        for (size_t i = 0; i < request->count && request->kind != REQUEST_CHECK; i++)
                if (request->jobs[i]->in_flight)
                        return false;
        return true;
}

static inline bool planner_request_is_for_client(const struct planner_request *request)
{
        return request->kind == REQUEST_SEARCH || request->kind == REQUEST_DIAGNOSIS;
}

/* The job is recorded as ended or gone. */
static inline bool planner_job_is_over(const struct planner_job *job)
{
        return job->watch.memory.recorded && outcome_is_terminal(job->watch.memory.outcome);
}

/* A success or a failure of the job is recorded: it is not polled any more, but for what planner_take_row()
 * says. */
static inline bool planner_job_has_ended(const struct planner_job *job)
{
        return planner_job_is_over(job) && job->watch.memory.outcome != OUTCOME_GONE;
}

/* The job has ended, as far as it was recorded; a gone job may come back. */
static inline bool planner_job_is_gone(const struct planner_job *job)
{
        return job->watch.memory.recorded && job->watch.memory.outcome == OUTCOME_GONE;
}
