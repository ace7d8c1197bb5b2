/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "nexudus/tokens.h"

/* The result of a token renewal. */

enum token_verdict {
        TOKEN_OBTAINED,
        TOKEN_REFUSED,     /* credentials refused, or a second factor required: retrying is useless */
        TOKEN_BLOCKED,     /* 403 with an HTML page: by something in front of the API */
        TOKEN_THROTTLED,   /* 409, 429, or an error with Retry-After */
        TOKEN_UNREACHABLE, /* no response, server error, or unexpected response */
};

/* What was sent. */
enum token_grant {
        TOKEN_BY_PASSWORD,
        TOKEN_BY_REFRESH,
        TOKEN_BY_LOGIN, /* a user name and password that a person has entered, perhaps with a code */
};

struct token_result {
        enum token_verdict verdict;
        enum token_grant grant;
        bool code_may_help;      /* a login without a code was refused, perhaps because one is required */
        uint64_t retry_after_us; /* HTTP_RETRY_NONE without Retry-After */
        const char *explanation; /* for a log message: one line without a full stop, with the server's reason,
                                    without secrets; valid during the call; never NULL */
        const struct tokens *tokens; /* TOKEN_OBTAINED: those in use now, to be stored. Borrowed until the
                                        next call of a token_ function */
};
