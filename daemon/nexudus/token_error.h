/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "http/http.h"
#include "nexudus/classification.h"
#include "nexudus/token_body.h"
#include "nexudus/tokens.h"

/* Classifies responses to POST /api/token. Pure. */

struct token_response {
        const struct http_end *end;
        const struct token_body *body; /* NULL: it is not a JSON object */
        enum token_grant grant;
        bool has_code; /* TOKEN_BY_LOGIN: a code of the second factor was sent */
};

/*
 * Returns the result, without the tokens, with an explanation of one line. TOKEN_OBTAINED: the body has a
 * valid access token. TOKEN_REFUSED of a refresh: this refresh token is invalid; try the password. Of the
 * body nothing is shown but a known error code.
 */
struct token_result token_classify(const struct token_response *response,
                                   char explanation[static EXPLANATION_SIZE]);
