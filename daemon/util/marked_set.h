/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A set of numbers, each with a mark by which it is forgotten. */
struct marked_set {
        struct marked_number *numbers; /* ascending */
        size_t count;
};

bool marked_set_has(const struct marked_set *set, uint64_t number);

/* Adds a number, or gives it another mark. If there are `max` others it is not added. */
void marked_set_put(struct marked_set *set, size_t max, uint64_t number, int64_t mark);

/* Forgets the numbers with this mark or a lower one. */
void marked_set_forget(struct marked_set *set, int64_t mark);

/* Forgets all, and frees the memory. */
void marked_set_clear(struct marked_set *set);
