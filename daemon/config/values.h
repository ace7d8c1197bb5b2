/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/config.h"
#include "config/diagnostics.h"
#include "config/keys.h"

/*
 * Parsing a value into its field, and formatting it from there. `base` is the structure that contains the
 * field: the config, job_config or hook_config, as the section of the key requires.
 */

/*
 * Sets the field of a key that is not a list. An invalid value is reported and leaves the field unchanged;
 * returns false then.
 */
bool value_set(const struct config_key *key, const char *text, struct location location, void *base,
               struct diagnostics *diagnostics);

/* Adds an item to the field of a list (KIND_LIST, KIND_EVENTS), or reports it likewise. */
bool value_add(const struct config_key *key, const char *text, struct location location, void *base,
               struct diagnostics *diagnostics);

/* Empties the field of a list; leaves other fields unchanged. */
void value_clear(const struct config_key *key, void *base);

/* A job id: decimal digits, 1 to INT64_MAX. 0 or -EINVAL. */
int job_id_parse(const char *text, uint64_t *ret_id);

/* The value as it is written in a file, for keys that are not lists. The caller frees it; NULL: no memory. */
char *value_format(const struct config_key *key, const void *base);

/* The field of a KIND_LIST. */
const struct string_list *value_list(const struct config_key *key, const void *base);
