/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

/*
 * Allocations that fail on request, in the objects a test is linked from (not within shared libraries). Link
 * the test with fault_malloc.c and
 *
 *     -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
 *     -Wl,--wrap=strdup,--wrap=strndup,--wrap=asprintf,--wrap=vasprintf
 *     -Wl,--wrap=__asprintf_chk,--wrap=__vasprintf_chk
 *     -Wl,--wrap=memory_malloc,--wrap=memory_realloc
 *
 *     for (unsigned nth = 1;; nth++) {
 *             fault_malloc_arm(nth, false);
 *             int r = function_under_test();
 *             if (!fault_malloc_disarm())
 *                     break; // it has fewer than nth allocations: all were tried
 *             assert_int_equal(r, -ENOMEM);
 *     }
 */

/* The nth allocation from now on fails (1: the next), and with `stays` all later ones. */
void fault_malloc_arm(unsigned nth, bool stays);

/* Allocations succeed again. Returns whether one has failed since it was armed. */
bool fault_malloc_disarm(void);

/* Counts an allocation and returns whether it must fail: for allocators that are passed to libraries. */
bool fault_malloc_hit(void);
