/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdlib.h>

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
