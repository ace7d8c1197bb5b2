/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Names in one string, separated by commas: "mail,web". A name has no comma. */

/* Whether a name is among those of a list. NULL and "" are empty lists. */
bool names_contain(const char *names, const char *name);

/*
 * Adds to a list the names of another that it does not have; NULL adds none. *names is malloc()ed, or NULL
 * for an empty list.
 */
void names_add(char **names, const char *more);

/*
 * The next name of a list, which is not NUL-terminated; *at is the list at first, and moved on. Returns NULL
 * at the end.
 */
const char *names_next(const char **at, size_t *ret_size);
