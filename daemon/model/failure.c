/* SPDX-License-Identifier: MIT */

/* Classes of failed requests, and their names. */

#include "model/failure.h"

const char *failure_to_string(enum failure failure)
{
        switch (failure) {
        case FAILURE_NONE:
                return "none";
        case FAILURE_UNREACHABLE:
                return "unreachable";
        case FAILURE_NO_RESPONSE:
                return "no response";
        case FAILURE_SERVER_ERROR:
                return "server error";
        case FAILURE_REFUSED:
                return "refused";
        case FAILURE_NOT_FOUND:
                return "not found";
        case FAILURE_THROTTLED:
                return "throttled";
        case FAILURE_UNEXPECTED:
                return "unexpected response";
        }
        return "unknown";
}
