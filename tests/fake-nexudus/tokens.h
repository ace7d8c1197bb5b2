/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "settings.h"

/* An access token or a refresh token, until it expires. */
struct issued_token {
        struct issued_token *next;
        char text[49];
        char *client_id; /* of a refresh token; NULL otherwise */
        uint64_t expires;
};

struct tokens {
        struct issued_token *access;
        struct issued_token *refresh;
};

/*
 * Answers a form of POST /api/token. client_id is the value of the header or NULL. Adds the JSON body and
 * returns the HTTP status.
 */
unsigned tokens_answer(struct tokens *tokens, const struct settings *settings, const char *form,
                       const char *client_id, uint64_t now, struct buffer *buffer);

/* Whether the value of an Authorization header is valid: the static token, an issued one, or Basic. */
bool tokens_allow(const struct tokens *tokens, const struct settings *settings, const char *authorization,
                  uint64_t now);

/* "bearer TOKEN", "basic user:password" or the value itself, for the log; "" for NULL. */
void tokens_describe(struct buffer *buffer, const char *authorization);

void tokens_expire_access(struct tokens *tokens);
void tokens_release(struct tokens *tokens);
