/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

/*
 * "Did you mean ...?": returns the candidate nearest to a misspelt name, without regard to case, or NULL if
 * none is near enough. An edit is a letter added, removed or replaced, or two neighbours swapped; at most a
 * third of the name may differ, since a wrong suggestion is worse than none. `first` is the name of the first
 * of `count` candidates, each `stride` bytes after the one before it.
 */
const char *nearest_word(const char *typed, const char *const *first, size_t stride, size_t count);
