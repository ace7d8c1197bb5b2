/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
