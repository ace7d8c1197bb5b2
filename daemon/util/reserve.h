/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * An allocator for a library that does not check what its allocator returns. When malloc() fails, blocks come
 * out of a reserve that was set aside earlier, and `exhausted` tells the caller to stop calling the library.
 * One reserve serves one object of the library.
 */
struct reserve {
        unsigned char *data;
        size_t size;
        size_t used;
        bool exhausted; /* malloc() has failed: stop */
};

#define RESERVE_NULL ((struct reserve){ 0 })

/*
 * Before the library is called: sees to it that blocks of `size` bytes in all can be handed out. Old blocks
 * of a block that grows count as well. Returns -ENOMEM. Not to be called again once exhausted.
 */
int reserve_prepare(struct reserve *reserve, size_t size);

/* After the last block has been freed. */
void reserve_clear(struct reserve *reserve);

/* malloc(), realloc() and free() for the library; `userdata` is a struct reserve. */
void *reserve_malloc(void *userdata, size_t size);
void *reserve_realloc(void *userdata, void *block, size_t size);
void reserve_free(void *userdata, void *block);
