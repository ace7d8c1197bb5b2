/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/string_list.h"
#include "util/text.h"

/*
 * Whether the whole text matches the pattern, ignoring the case of ASCII letters. `*` matches any characters,
 * `?` one UTF-8 character (or one byte of invalid UTF-8), `[a-z]` and `[!a-z]` a set of ASCII characters. A
 * backslash quotes the next character, also in a set. A `]` in first position of a set is a member. A `[`
 * without `]` and a trailing backslash match themselves. `text` may be NULL if `size` is 0.
 *
 * fnmatch(3) is not used because texts from the network may contain NUL and be megabytes long. This function
 * uses no heap, no recursion and no locale; its time is at worst proportional to pattern × text.
 */
bool glob_matches(const char *pattern, const char *text, size_t size);

/* Whether the text matches one of the patterns. Null matches none. */
bool glob_any_matches(const struct string_list *patterns, const struct text *text);

/*
 * Returns a pattern that matches this text and no other, except that case is ignored and a NUL, which no
 * pattern can contain, matches any character. The caller frees it.
 */
char *glob_escape(const char *text, size_t size);
