/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory.h"

/*
 * Makes room for one more element in an array of `count` elements, NULL if 0, that is grown only by this
 * function. The array is doubled when `count` is a power of two, so that many elements take time in
 * proportion to their number. Returns the array, which may have moved; never NULL.
 */
static inline void *array_grow(void *array, size_t count, size_t element_size)
{
        if ((count & (count - 1)) != 0)
                return array;
        return memory_need(reallocarray(array, count > 0 ? count * 2 : 1, element_size));
}

/* Likewise: room for an element at `place`, whose contents are undefined. The others stay in order. */
static inline void *array_insert(void *array, size_t *count, size_t element_size, size_t place)
{
        array = array_grow(array, *count, element_size);
        char *at = (char *)array + place * element_size;
        memmove(at + element_size, at, ((*count)++ - place) * element_size);
        return array;
}

/* Takes out the element at `place`. */
static inline void array_remove(void *array, size_t *count, size_t element_size, size_t place)
{
        char *at = (char *)array + place * element_size;
        memmove(at, at + element_size, (--*count - place) * element_size);
}
