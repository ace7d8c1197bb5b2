/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "planning/planner.h"
#include "state/store.h"

#include "watching.h"

/* A job of the simulation: the truth about it, and what was seen and reported of it. */

/* What a response shows of a job: the server's truth at one instant, or what a row makes of it. */
struct shown {
        uint8_t status; /* index of a text, 0: null */
        uint8_t result;
        bool exists;
        bool has_status, has_result; /* the field is there, be it null */
        uint64_t updated;            /* UpdatedOn: see time.c; 0: it is left out */
        uint32_t version;
};

/* How requests for a broken job fail, while those for others do not. */
enum fault {
        FAULT_NONE,
        FAULT_ERROR,          /* 500 */
        FAULT_REFUSED,        /* 403 */
        FAULT_CREDENTIALS,    /* 401 */
        FAULT_RESET,          /* the connection is cut off */
        FAULT_HANGS,          /* no response until the time-out */
        FAULT_PAGE,           /* 200 with HTML, or with the record of another job */
        FAULT_TOO_LARGE,      /* larger than max_response */
        FAULT_THROTTLED,      /* 429 */
        FAULT_THROTTLED_SPAN, /* 429 or 503 with Retry-After */
        FAULT_HIDDEN,         /* 404 to a single request, and shown in batches */
        FAULTS,
};

/* One job: the truth about it, and what was reported of it. */
struct sim_job {
        uint64_t id;
        struct planner_settings settings;

        /* the truth */
        struct shown truth;
        uint64_t next_us;       /* of what happens to it next; USEC_NEVER: nothing more */
        size_t position;        /* in the heap of the world */
        uint64_t gap_us;        /* mean time between two things that happen */
        uint64_t since_us;      /* when the truth became what it is; and on the calm clock */
        uint64_t since_calm_us; /* see checks.c */
        bool ended, beats;      /* nothing but a late result comes; UpdatedOn moves by itself */
        enum fault drawn;       /* its fault, if it is broken for some time */
        enum fault fault;       /* its fault now */
        uint64_t fault_from_us, fault_until_us;
        uint64_t retry_after_us; /* of its throttled responses */
        uint64_t returned_us;    /* it was reported as gone, and exists since; 0: no */

        /* what is on disk */
        struct stored_job stored; /* id 0: nothing */
        char *sections;           /* that discovered it; NULL: none */
        struct manual_job manual; /* what was asked for at run time; id 0: nothing */
        int64_t created_ticks;
        int created_form;
        bool refused; /* by the disk, since the last response */

        /* what was reported */
        bool reported, reported_end, reported_gone, reported_stalled;
        struct shown reported_as;
        uint32_t read_version; /* that a single request has shown last; 0: it could not be recorded */
        uint64_t reported_us, gone_us;
        uint64_t end_us;          /* when `reported_end` changed last */
        uint64_t partial_calm_us; /* it was reported as seen, with its ResultData unread */
        unsigned partial_run;     /* and in which run of the daemon */
        uint64_t held_us;         /* its end is held back since */

        /* what was seen of the requests for it: see wire.c */
        uint64_t settled_us, settled_calm_us; /* made: the last response that showed what it is like */
        uint64_t extras_before, disturbances_before;
        uint64_t allowance_us; /* for the backoffs after its failures since then */
        uint64_t last_allowance_us, failed_us;
        unsigned failures, setbacks; /* in a row; since it was settled */
        unsigned lone_left;          /* single reads that it must succeed in before it is in a batch again */
        uint64_t not_before_us;      /* Retry-After that was charged to it alone */
        uint64_t requested_us;       /* 0: not in this run */
        uint64_t answered_us;        /* the last poll of it ended, with or without a response */
        uint32_t throttle_mark;
        uint32_t run_mark;  /* see struct wire */
        bool failing;       /* from its first failure until a request for it succeeds */
        bool maybe_failing; /* it may have been charged when it was throttled */
        bool throttled;     /* the last response was */
        unsigned probed;    /* so often since the outage began, or another probe failed for the API */
        bool undone, owed;  /* its charge was undone in this outage; and it is due since that has ended */
        uint64_t owed_calm_us;
        bool was_in_batch;  /* the last request was a batch */
        unsigned not_found; /* 404s in a row while it did not exist, and when the first was */
        uint64_t not_found_us;
        bool was_missing; /* so often that it may be gone; since then an outage has hidden that it exists */
        unsigned gone_count;                      /* as `not_found` since the last outage */
        uint64_t gone_count_us, gone_due_calm_us; /* due: all that `gone` takes is known since; 0: no */

        /* counts, for the bounds on requests */
        unsigned requests, excuses; /* since the start, and reasons for extra requests */
        unsigned ramps;             /* reasons to poll it often for a while */
        unsigned quick;             /* polls that were due to something that is not over */
        unsigned broken_requests;   /* that failed by its fault, after the first minute */
        uint64_t broken_from_us;    /* when counting begins; 0: not yet */

        /* in an account: see account.h */
        bool listed;                   /* in the configuration */
        struct watched watched;        /* see watching.h */
        uint8_t business, description; /* from 1 */
        uint64_t created;              /* CreatedOn, as truth.updated; 0: it never existed */
        uint32_t serial;               /* of its last row, */
        uint32_t serial_shown;         /* and of the last one that a page has shown */
        uint64_t visible_us;           /* since when it exists; 0: not yet */
        uint64_t written_us;           /* its last row, */
        uint64_t written_before_us;    /* and the one before, or the last one of a job that was deleted */
        bool regressed;                /* its UpdatedOn is older than that of the one before */
        uint64_t waits_since_us; /* it was not reported as it is since, however often it changed; 0: it was,
                                    or was there at the start and was never reported */
        bool due;                /* it was not reported as it is … */
        uint64_t due_us, due_calm_us; /* … since */
        bool due_on;                  /* and the feed had to be on then */
        bool due_emptied;             /* its ResultData is null now, and all else as it was */
        bool due_held;                /* it had ended without a ResultData */
        bool due_missing;             /* its record was not found: it waits for its backoff */
        bool due_gone, due_returned;  /* it was gone, or had returned when it was reported as gone */
        bool counted_open, counted_ended;
};
