/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/failure.h"

#include "sim_job.h"

/* What follows from the requests and responses that were seen, for the checks. */

/* Every request ever made, by its time. */
struct request_times {
        uint64_t *at_us;
        size_t count, room;
        size_t first;    /* limits are checked from this one on */
        size_t tails[3]; /* the first request within the last minute, hour, day */
};

/* What follows from the responses by the rules. Begins anew with each run of the daemon. */
struct wire {
        /* outages */
        bool open;            /* the breaker has a reason to be open */
        bool surely;          /* it must be open */
        uint64_t deadline_us; /* … until then at most, if nothing fails any more */
        unsigned failed;      /* probes */
        bool refused;         /* the last of them */
        enum failure failure;
        uint64_t opened_us, since_us, probe_failed_us;
        uint64_t witness_us[FAILURE_COUNT];
        bool witness_unsure[FAILURE_COUNT]; /* its subject may have been failing before */
        uint64_t no_checks_until_us;
        bool by_check;         /* it is open because of a check request */
        unsigned false_checks; /* in a row, after which a job was read */
        unsigned row;          /* of failed requests in one class, with no success after them */
        enum failure row_failure;
        uint64_t row_since_us;
        bool no_gone_checks; /* one has failed in this run */

        /* batches */
        unsigned failed_batches;
        uint32_t run_mark; /* of the jobs that were in all failed batches of the run */
        size_t suspects;
        unsigned too_large;        /* responses to batches */
        uint64_t singles_until_us; /* batches may be disabled */

        /* throttling */
        uint64_t pause_us;             /* there is a reason to pause until then */
        uint64_t named_us, unnamed_us; /* there must be no request before: Retry-After, and without */
        unsigned unnamed;              /* responses without Retry-After in a row, at most */
        unsigned surely_unnamed;       /* … at least */
        unsigned permille;             /* the rate */
        uint64_t permille_us;
        uint32_t throttle_mark;
        uint64_t paused_us;           /* when the last pause began */
        size_t throttled_count;       /* jobs of the subject that was throttled last */
        bool others_answered, paused; /* paused: no request since */
        bool part_answered;           /* a part of that subject was answered */

        /* failures of the present outage of the site that were delivered, and the last of them */
        unsigned site_failures;
        uint64_t site_failure_us, probing_us; /* probing: all that follow are probes */
        unsigned failed_probes;
        const struct sim_job *last_probe;
        bool requested;
};

/* What was seen of the API as a whole: see check_api.c. */
struct api_seen {
        bool down, refused;                                      /* that was reported in the present outage */
        uint64_t reported_us;                                    /* the last of them */
        uint64_t failed_us;                                      /* the last request that failed */
        uint64_t read_us;                                        /* the last response that showed a job */
        uint64_t answered_again_us;                              /* the first answer since a failure */
        uint64_t read_before_us;                                 /* the last read before that */
        unsigned read_jumps;                                     /* wall_jumps then */
        uint64_t answered_us;                                    /* that, or 404 */
        uint64_t refused_us;                                     /* the last request that was refused */
        uint64_t down_since_us, refused_since_us, well_since_us; /* surely, in this run; 0: it is not */
};
