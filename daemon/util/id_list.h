/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct id_list {
        uint64_t *ids;
        size_t count;
};

void id_list_add(struct id_list *list, uint64_t id);

bool id_list_contains(const struct id_list *list, uint64_t id);

/* For qsort(), bsearch() and the like: of ids, or of structs that begin with one. */
int id_compare(const void *left, const void *right);

/* Frees the IDs and leaves the list empty. */
void id_list_clear(struct id_list *list);

/* A job id: decimal digits, 1 to INT64_MAX. 0 or -EINVAL. */
int job_id_parse(const char *text, uint64_t *ret_id);
