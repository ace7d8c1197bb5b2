/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "nexudus/token.h"

/* What the parts of signing in share about grants, beside what token.h says. */

#define TOKENS_NULL ((struct tokens){ 0 })

/* -ENOMEM. Either token may be NULL. */
int tokens_copy(const struct tokens *tokens, struct tokens *ret_grant);

/* A token goes into a header and into a stored line: at least one character, and visible ASCII only. */
bool token_is_valid(const char *token, size_t size);
