/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/watch.h"
#include "planning/queue.h"
#include "planning/rate_limiter.h"

/* Jobs as the planner schedules them, the requests it makes of them, and its limits. */

/* How one job is polled. Owned by the caller; must outlive the planner. */
struct planner_settings {
        uint64_t interval_us;
        uint64_t max_interval_us;
        uint64_t stalled_after_us;
        uint64_t result_wait_us;
};

struct planner_job {
        struct queue_entry entry; /* must be first: converted from entries of the queues */
        uint64_t id;
        const struct planner_settings *settings;
        struct job_watch watch;
        uint64_t pace_us;                   /* present poll interval */
        uint64_t polled_us;                 /* when it was last polled individually */
        uint64_t updated;                   /* updated_on_digest() last observed */
        unsigned char unexpected_responses; /* in a row */
        unsigned char
                fruitless_confirms; /* confirmations in a row, because of UpdatedOn alone, without a change */
        bool in_flight : 1;
        bool confirm : 1;          /* in the confirm queue: to be polled individually, before others */
        bool updated_on_moved : 1; /* confirm because of its UpdatedOn alone */
        bool result_missing : 1;   /* confirm because its row had no ResultData */
        bool status_missing : 1;   /* confirm because its row had no Status */
        bool unbatchable : 1;      /* never in batches: it was missing or unexpected there */
        bool adopted : 1;          /* continued from another planner */
        bool done : 1;             /* no longer polled: it has ended or, with `once`, has been polled */
};

#define PLANNER_BATCH_MAX 100

struct planner_request {
        bool batch; /* several jobs, or a batch of one; otherwise jobs[0] individually */
        bool probe; /* the single request that an open circuit breaker lets through */
        size_t count;
        struct planner_job *jobs[PLANNER_BATCH_MAX];
};

struct planner_limits {
        struct rate_limiter_limits rate_limiter;
        unsigned max_in_flight; /* requests in flight at a time */
        unsigned batch_size;    /* ids in a request; below 2: no batches */
        size_t batch_bytes;     /* of all ids in a request with their commas */
        uint64_t probe_cap_us;  /* longest time between probes */
        bool reports_sent;      /* planner_note_sent() is called for each request; spacing counts from that */
        bool once;              /* poll each job once (and confirm it if needed), retry nothing */
};
