/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/failure.h"

/* How a request failed, and whose failure it is. */

struct planner_failure {
        enum failure failure;    /* not FAILURE_NONE */
        bool too_large;          /* FAILURE_UNEXPECTED: the response exceeded max_response */
        uint64_t retry_after_us; /* 0: none */
};

enum attribution {
        ATTRIBUTED_TO_API,  /* the breaker is open, or all requests pause: no job is concerned */
        ATTRIBUTED_TO_JOB,  /* of a single request: charged; see job->failures */
        ATTRIBUTED_TO_NONE, /* not yet: a batch is split, or a check says nothing */
        ATTRIBUTED_AS_GONE, /* of a single request: charged, and all evidence says that the record is gone */
};
