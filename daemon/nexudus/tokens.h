/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/failure.h"

/*
 * The result of a sign-in: an access token and a refresh token, and their stored form. The tokens are
 * malloc()ed secrets of visible ASCII; wipe them with tokens_clear().
 */
struct tokens {
        char *access_token;
        char *refresh_token;  /* NULL if the server sent none */
        uint64_t obtained_us; /* when it was requested; see token_settings */
        uint64_t lifetime_us; /* of the access token, at most ten years; 0: unknown */
};

#define TOKENS_NULL ((struct tokens){ 0 })

/* Wipes and frees both tokens, and zeroes the rest. */
void tokens_clear(struct tokens *tokens);

/*
 * The stored form of valid tokens: one line of visible ASCII and blanks, malloc()ed and a secret.
 * tokens_parse() returns 0, or -EINVAL for a line in another form or with an invalid token.
 */
char *tokens_format(const struct tokens *tokens);
int tokens_parse(const char *text, struct tokens *ret_tokens);

/* Whether a token can be sent in a header and stored: at least one character, and visible ASCII only. */
bool token_is_valid(const char *token, size_t size);

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
        enum failure failure; /* that of the last response; TOKEN_OBTAINED: none */
        enum token_grant grant;
        bool code_may_help;      /* a login without a code was refused, perhaps because one is required */
        uint64_t retry_after_us; /* HTTP_RETRY_NONE without Retry-After */
        const char *explanation; /* for a log message: one line without a full stop, with the server's reason,
                                    without secrets; valid during the call; never NULL */
        const struct tokens *tokens; /* TOKEN_OBTAINED: those in use now, to be stored. Borrowed until the
                                        next call of a token_ function */
};
