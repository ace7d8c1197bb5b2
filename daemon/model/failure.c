/* SPDX-License-Identifier: MIT */

/* Classes of failed requests, and their names. */

#include "model/failure.h"

const char *failure_to_string(enum failure failure)
{
        static const char *const names[FAILURE_COUNT] = {
                [FAILURE_NONE] = "none",
                [FAILURE_UNREACHABLE] = "unreachable",
                [FAILURE_NO_RESPONSE] = "no response",
                [FAILURE_SERVER_ERROR] = "server error",
                [FAILURE_REFUSED] = "refused",
                [FAILURE_NOT_FOUND] = "not found",
                [FAILURE_THROTTLED] = "throttled",
                [FAILURE_UNEXPECTED] = "unexpected response",
        };

        return names[failure];
}
