/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "model/failure.h"
#include "util/histogram.h"

/* What requests are counted by. */
enum endpoint {
        ENDPOINT_SINGLE,
        ENDPOINT_BATCH,
        ENDPOINT_SEARCH,
        ENDPOINT_TOKEN,
};

#define ENDPOINT_COUNT (ENDPOINT_TOKEN + 1)

/* Requests to the API since the start that were answered or have failed; not those that were cancelled. */
struct request_counts {
        uint64_t results[ENDPOINT_COUNT][FAILURE_COUNT]; /* FAILURE_NONE: successes */
        struct histogram durations[ENDPOINT_COUNT];      /* from the start of a request to its end */
        uint64_t success_us;                             /* CLOCK_REALTIME of the last success; 0: none yet */
        uint64_t feed_success_us;                        /* likewise of a page of the change feed */
};
