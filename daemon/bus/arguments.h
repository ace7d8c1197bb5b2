/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "bus/calls.h"

/*
 * Reads the arguments of a call. Each function returns 0, or a negative errno, and then the call has ended
 * with an error that says what was wrong. Texts are borrowed from the call.
 */

/* One entry of a dictionary a{sv} that a method knows. */
struct bus_entry {
        const char *key;
        const char *type; /* of the value: "s", "u", "t", "at", "as" */
        void *value; /* const char *, uint32_t, uint64_t, struct bus_ids, bus_strings: untouched if absent */
};

struct bus_ids {
        const uint64_t *ids; /* borrowed, as they were sent */
        size_t count;        /* at most BUS_ROWS_MAX */
};

/* The longest text of an array, in bytes. */
#define BUS_STRING_MAX 256

/* Reads a dictionary. Unknown keys, other types and arrays that are too long are errors. */
int bus_read_entries(struct bus_call *call, const struct bus_entry entries[], size_t count);

int bus_read_number(struct bus_call *call, uint64_t *ret_number);    /* t */
int bus_read_string(struct bus_call *call, const char **ret_string); /* s */
int bus_read_ids(struct bus_call *call, struct bus_ids *ret_ids);    /* at */

/* The same ids in ascending order, each once, malloc()ed; NULL for none. */
void bus_sort_ids(const struct bus_ids *ids, uint64_t **ret_ids, size_t *ret_count);

/* Reads a limit u: 0 means `max`, and more than that is `max`. */
int bus_read_limit(struct bus_call *call, size_t max, size_t *ret_limit);

/* Finds a text in a NULL-terminated list: *ret_index. The error names `key`. */
int bus_find_choice(struct bus_call *call, const char *key, const char *text, const char *const choices[],
                    int *ret_index);
