/* SPDX-License-Identifier: MIT */
#pragma once

/* How a request failed. Two failures are the same if they are in the same class. */
enum failure {
        FAILURE_NONE,
        FAILURE_UNREACHABLE,  /* name resolution, route, connection, TLS, proxy: no request was sent */
        FAILURE_NO_RESPONSE,  /* timed out, reset, or cut off */
        FAILURE_SERVER_ERROR, /* 5xx, 408 */
        FAILURE_REFUSED,      /* 401, 403 */
        FAILURE_NOT_FOUND,    /* 404, 410 */
        FAILURE_THROTTLED,    /* 409, 429, or 503 with Retry-After */
        FAILURE_UNEXPECTED,   /* another status, a 2xx that is not what was asked for, or too large */
};

#define FAILURE_COUNT (FAILURE_UNEXPECTED + 1)

/* "unreachable", "no response", …: for people and for metrics. */
const char *failure_to_string(enum failure failure);
