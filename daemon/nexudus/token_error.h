/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "http/http.h"
#include "nexudus/token_body.h"
#include "nexudus/token_result.h"

/* Classifies responses to POST /api/token. Pure. */

#define TOKEN_EXPLANATION_SIZE 1024

struct token_response {
        const struct http_end *end;
        const struct token_body *body; /* NULL: it is not a JSON object */
        enum token_grant grant;
        bool has_code; /* TOKEN_BY_LOGIN: a code of the second factor was sent */
};

/*
 * Returns the verdict with an explanation of one line. TOKEN_OBTAINED: the body
 * has a valid access token. TOKEN_REFUSED of a refresh: this refresh token is invalid; try the password.
 * Of the body nothing is shown but a known error code.
 */
enum token_verdict token_classify(const struct token_response *response,
                                  char explanation[static TOKEN_EXPLANATION_SIZE]);

/*
 * TOKEN_REFUSED: whether the reason may be that the account requires a second factor, whose code was not
 * sent. Refusals do not tell that apart from a wrong password.
 */
bool token_code_may_help(const struct token_response *response);
