/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "api/token.h"

/* What the parts of signing in share about grants, beside what token.h says. */

#define TOKEN_GRANT_NULL ((struct token_grant){ 0 })

/* -ENOMEM. Either token may be NULL. */
int token_grant_copy(const struct token_grant *grant, struct token_grant *ret_grant);

/* A token goes into a header and into a stored line: at least one character, and visible ASCII only. */
bool token_is_sound(const char *token, size_t size);
