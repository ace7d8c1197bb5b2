/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * IDs of jobs that are not watched and need not be looked up again: rows of them are not new. With each goes
 * its CreatedOn, as ticks, by which it is forgotten.
 */
struct known_ids {
        struct known_id *ids; /* by ascending ID */
        size_t count;
};

bool known_ids_contain(const struct known_ids *known, uint64_t id);

/*
 * Adds an ID, which may be there. With very many, all others are forgotten first.
 */
void known_ids_add(struct known_ids *known, uint64_t id, int64_t created_ticks);

/* Forgets jobs that were not created after this time. */
void known_ids_forget(struct known_ids *known, int64_t created_ticks);

void known_ids_clear(struct known_ids *known);
