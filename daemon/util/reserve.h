/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * An allocator for a library that does not check the result of its allocations. When malloc() fails, blocks
 * come from a reserve allocated earlier, and `exhausted` tells the caller to stop calling the library. One
 * reserve serves one object of the library.
 */
struct reserve {
        unsigned char *data;
        size_t size;
        size_t used;
        bool exhausted; /* malloc() has failed: stop calling the library */
};

#define RESERVE_NULL ((struct reserve){ 0 })

/*
 * Called before the library: ensures that blocks of `size` bytes in total can be allocated, previous copies
 * of growing blocks included. Returns 0 or -ENOMEM. Must not be called once exhausted.
 */
int reserve_prepare(struct reserve *reserve, size_t size);

/* Frees the reserve, after the last block has been freed. */
void reserve_clear(struct reserve *reserve);

/* malloc(), realloc() and free() for the library; `userdata` is a struct reserve. */
void *reserve_malloc(void *userdata, size_t size);
void *reserve_realloc(void *userdata, void *block, size_t size);
void reserve_free(void *userdata, void *block);
