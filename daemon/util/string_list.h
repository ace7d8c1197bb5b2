/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct string_list {
        char **items; /* NULL-terminated; NULL if the list is empty */
        size_t count;
};

/* Appends a copy of the item. */
void string_list_add(struct string_list *list, const char *item);

bool string_list_contains(const struct string_list *list, const char *item);

/* Frees the items and leaves the list empty. */
void string_list_clear(struct string_list *list);
