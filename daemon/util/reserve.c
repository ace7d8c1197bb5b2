/* SPDX-License-Identifier: MIT */

/*
 * Allocation that does not fail. Blocks are cut from the reserve from its start to its end and never
 * returned: between the first failure of malloc() and the moment the caller stops there are few, of a known
 * total size.
 */

#include "util/reserve.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int reserve_prepare(struct reserve *reserve, size_t size)
{
        assert(!reserve->exhausted);
        if (reserve->size >= size)
                return 0;

        unsigned char *data = malloc(size);
        if (data == NULL)
                return -ENOMEM;
        free(reserve->data);
        reserve->data = data;
        reserve->size = size;
        return 0;
}

void reserve_clear(struct reserve *reserve)
{
        free(reserve->data);
        *reserve = RESERVE_NULL;
}

static bool reserve_owns(const struct reserve *reserve, const void *block)
{
        uintptr_t at = (uintptr_t)block, start = (uintptr_t)reserve->data;

        return at >= start && at - start < reserve->used;
}

/* Copies `old_size` bytes of `old` to a new block. Returns NULL only if the prepared size was too small. */
static void *reserve_take(struct reserve *reserve, const void *old, size_t old_size, size_t size)
{
        size_t aligned = (size + 15) & ~(size_t)15;

        reserve->exhausted = true;
        if (reserve->size - reserve->used < aligned)
                return NULL;

        unsigned char *block = reserve->data + reserve->used;
        reserve->used += aligned;
        if (old != NULL)
                memcpy(block, old, old_size < size ? old_size : size);
        return block;
}

void *reserve_malloc(void *userdata, size_t size)
{
        void *block = malloc(size);

        return block != NULL ? block : reserve_take(userdata, NULL, 0, size);
}

void *reserve_realloc(void *userdata, void *block, size_t size)
{
        struct reserve *reserve = userdata;

        if (reserve_owns(reserve, block)) {
                /* The size of the block is not stored: copies everything up to the end of the used part. */
                size_t old_size = reserve->used - (size_t)((unsigned char *)block - reserve->data);
                return reserve_take(reserve, block, old_size, size);
        }

        void *grown = realloc(block, size);
        if (grown == NULL) {
                grown = reserve_take(reserve, block, malloc_usable_size(block), size);
                if (grown != NULL)
                        free(block);
        }
        return grown;
}

void reserve_free(void *userdata, void *block)
{
        if (!reserve_owns(userdata, block))
                free(block);
}
