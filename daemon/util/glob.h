/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether the whole of `text` matches `pattern`, without regard to the case of ASCII letters: `*` is any run
 * of characters, `?` one UTF-8 character (or one byte of what is no UTF-8), `[a-z]` and `[!a-z]` a set of
 * ASCII characters, and a backslash takes the next character as it is, in a set too. A `]` that comes first
 * in a set is a member of it; a `[` that no `]` closes stands for itself, and so does a backslash at the end.
 *
 * Not fnmatch(3): the texts come from the network, so they may hold NUL and be megabytes long; this one
 * carries their length, uses neither the heap, nor recursion, nor the locale, and takes time in proportion to
 * pattern × text at worst.
 */
bool glob_matches(const char *pattern, const char *text, size_t size);
