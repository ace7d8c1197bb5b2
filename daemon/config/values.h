/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdio.h>

#include "config/config.h"
#include "config/keys.h"
#include "config/report.h"

/*
 * Between the text of a value and its field. `base` is the struct that holds the field: config, job_config or
 * hook_config, as the section of the key says.
 */

/* Sets the field of a key that is no list. What is wrong is reported at `place`, and the field left alone. */
void value_set(const struct config_key *key, const char *text, struct place place, void *base,
               struct report *report);

/* Adds an item to the field of a list (KIND_LIST, KIND_EVENTS). */
void value_add(const struct config_key *key, const char *text, struct place place, void *base,
               struct report *report);

/* Empties the field of a list; any other field is left alone. */
void value_clear(const struct config_key *key, void *base);

/* A job's id: digits, 1 … 2^63-1. -EINVAL. */
int job_id_parse(const char *text, uint64_t *ret_id);

/*
 * Items of a comma-separated text, one a call, with the white space around them removed and empty ones passed
 * over; *at moves along. Returns NULL at the end or when out of memory (*at is not at the end then).
 */
char *list_next(const char **at);

/* The value as it is written in a file, for keys that are no lists; malloc()ed, NULL if out of memory. */
char *value_format(const struct config_key *key, const void *base);

/* A field of a list. */
const struct string_list *value_list(const struct config_key *key, const void *base);

/* -ENOMEM. The item is copied. */
int string_list_add(struct string_list *list, const char *item);
void string_list_clear(struct string_list *list);
