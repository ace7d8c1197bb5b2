/* SPDX-License-Identifier: MIT */

/*
 * Chance, asked for in one place. Nothing that matters depends on it. The kernel is asked for many numbers at
 * a time, since a job in a batch costs little more than asking it for one.
 */

#include "platform/random.h"

#include <stddef.h>
#include <sys/random.h>

uint64_t random_u64(void)
{
        static uint64_t numbers[32];
        static size_t left;

        if (left == 0) {
                /* As many bytes as this are never cut short. */
                if (getrandom(numbers, sizeof(numbers), GRND_NONBLOCK) < 0)
                        return 0;
                left = sizeof(numbers) / sizeof(numbers[0]);
        }
        return numbers[--left];
}
