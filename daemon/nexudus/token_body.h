/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/text.h"

/* The fields of a response to POST /api/token. A field that is missing or not a string is null. */
struct token_body {
        struct text access_token;  /* a secret; also accepted as "AccessToken" */
        struct text refresh_token; /* a secret */
        struct text token_type;
        struct text error;      /* a code such as "invalid_grant" */
        struct text expires_in; /* or the text of a number */
};

#define TOKEN_BODY_NULL ((struct token_body){ 0 })

/* The maximum size of a body, in bytes. */
#define TOKEN_BODY_MAX (64 * 1024)

/*
 * Parses a body, which must be one JSON object; of a repeated field the last string counts. With `is_part`
 * the body was truncated: it need not be complete, and the fields before the end are read. Texts are valid
 * UTF-8 that may contain NUL. Returns 0 with *ret_body, to be cleared with token_body_clear(), or -EBADMSG
 * for any other body.
 */
int token_body_parse(const void *data, size_t size, bool is_part, struct token_body *ret_body);

/* The lifetime of the access token in microseconds: at most ten years; 0: unknown. */
uint64_t token_body_lifetime_us(const struct token_body *body);

/* Wipes and frees all texts. */
void token_body_clear(struct token_body *body);
