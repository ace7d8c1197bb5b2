/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/text.h"

/* What POST /api/token answers, as far as it says it. Texts that are missing, or no strings, are null. */
struct token_reply {
        struct text access_token;  /* a secret; "AccessToken" is another name for it */
        struct text refresh_token; /* a secret */
        struct text token_type;
        struct text error;             /* a code, as "invalid_grant" */
        struct text error_description; /* for a person */
        struct text message;           /* for a person: "Message", as the other endpoints have it */
        uint64_t lifetime_us;          /* "expires_in", a number or a string; ten years at most; 0: none */
};

#define TOKEN_REPLY_NULL ((struct token_reply){ 0 })

/* More than this is no answer to a sign-in. */
#define TOKEN_REPLY_MAX (64 * 1024)

/*
 * Reads a body, which must be one JSON object; of the same field given twice the last string counts. With
 * `is_part` it is known that only the beginning of the body is there: then it need not be whole, and the
 * reply has the fields that are. Texts are bytes of any kind, NUL included. -EBADMSG for anything else, and
 * for a body of more than TOKEN_REPLY_MAX bytes or 64 levels; -ENOMEM. Nothing is left in memory but
 * *ret_reply, which is to be wiped with token_reply_clear().
 */
int token_reply_parse(const void *data, size_t size, bool is_part, struct token_reply *ret_reply);

/* Wipes and frees all texts. */
void token_reply_clear(struct token_reply *reply);
