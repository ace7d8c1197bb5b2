/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "http/http.h"
#include "nexudus/token.h"
#include "nexudus/token_body.h"

/* What an answer to POST /api/token means. Pure. */

#define TOKEN_EXPLANATION_SIZE 1024

struct token_response {
        const struct http_end *end;
        int problem;                     /* of reading the body: 0, -EBADMSG, -ENOMEM */
        const struct token_reply *reply; /* with problem 0 */
        bool was_refresh;                /* it answers a refresh token, not a password */
        const char *const *secrets;      /* what must not be shown; any may be NULL */
        size_t secrets_count;
};

/*
 * The verdict, never TOKEN_NOT_PERSISTED, with an explanation of one line. TOKEN_OBTAINED: the reply has an
 * access token that is sound. TOKEN_REFUSED of a refresh: this refresh token is dead, and the password comes
 * next.
 *
 * Of the body only what is in known JSON fields is shown, and that only if it repeats no secret.
 */
enum token_verdict token_classify(const struct token_response *response,
                                  char explanation[static TOKEN_EXPLANATION_SIZE]);
